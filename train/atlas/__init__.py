"""Making the body atlas: cut, unwrap, orient, measure."""
