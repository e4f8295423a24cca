"""Dense pose on the phone: the body part and surface coordinate of every body pixel."""
