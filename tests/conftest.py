"""What holds for every test."""

import hypothesis

# A busy machine is slow now and then; how long one example takes says nothing about the code.
hypothesis.settings.register_profile("default", deadline=None)
hypothesis.settings.load_profile("default")
