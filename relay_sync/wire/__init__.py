"""The wire layer: what is said on the socket, without the socket.

No thread, no clock, no I/O: text goes in, values come out, and the time is a number the caller passes in (but for the
time of day, which a ping of ``flat`` tells).

=============  ==========================================================================
``jsonrpc``    the envelope: text to frame, frame to text
``events``     what a session tells: answers, events, and how the connection fares
``states``     tables of states, final states, sub-commands and fixed names
``session``    ``Session``: ids, unanswered commands, handshake, pings, timers
``dialect``    the shape of a dialect: the service's words for what a session wants said
``flat``       the current dialect
``blade``      the dialect of v2
``choice``     which of them is spoken: each in turn, until the service has agreed to one
=============  ==========================================================================
"""
