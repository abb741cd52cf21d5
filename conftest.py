"""Settings of all tests."""

from hypothesis import settings

# The same examples each time, so that what fails after a change fails because of it; --hypothesis-profile=default looks
# for more.
settings.register_profile("repeatable", derandomize=True)
settings.load_profile("repeatable")
