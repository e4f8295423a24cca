"""stub"""
PLATFORMS = ()
Platform = None
export_bundle = None
