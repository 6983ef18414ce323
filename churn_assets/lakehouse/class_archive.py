"""placeholder"""
def for_session(settings, java, profile, confs):
    return None
