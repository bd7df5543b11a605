"""The soak: many callers, many calls, random faults, and a ledger of what was told against what happened.

``python -m relay_sync.emulator.soak --seed 7 --minutes 10``. It is the one part of the emulator that knows the client:
nothing else of the emulator imports it, and ``tests/test_imports.py`` holds that.

======================  ==============================================================================
``course``              one run, from the first call to the last count
``callers``             what callers do with their calls, and how what they were told is written down
``witness``             what the emulator knows of the same commands and calls
``ledger``              compares the two; knows neither the client nor the emulator
``watchdog``            every blocking call has a bound; finds those that pass it
``leaks``               what must be gone when it is over
======================  ==============================================================================
"""
