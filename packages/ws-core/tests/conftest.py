from hypothesis import settings

# Speed is measured elsewhere: on a busy machine an example may take as long as it does.
settings.register_profile("unhurried", parent=settings.default, deadline=None)
settings.load_profile("unhurried")
