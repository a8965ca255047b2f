"""Finds what an account allows without being told, from what is refused; no I/O.

Theory of operation
-------------------
A service that refuses (429, 503) may count requests a second, requests at once, or
both, and does not say which. Each refusal is judged by how many requests were on the
wire when it was sent: a *level*. If as many were taken a moment ago, it was the rate;
if never so many, it was the number at once. A wrong verdict is followed by a refusal
that tells the other way, and is undone then.

* **At once** (``width.py``): levels grow by a quarter for as long as they are taken. A
  refusal sets the limit one below; after that, one request tries the level above,
  once soon, since that may have been chance, and then each time after ``PROBE``
  seconds.
* **A second** (``rate.py``): nothing is paced before the first refusal. Between two
  refusals a service has taken what it allows, whatever was sent: requests taken over
  seconds passed is the limit itself, also where bursts are allowed. The pace starts
  below it, comes up to it, stays there, and then goes beyond, ever faster.
* **Neither**: a service in trouble refuses one in some, however slow it is asked. One
  refusal among many requests is not taken for a limit's, unless something new was
  tried; and a pace that is refused again and again although it is below what was
  measured is given up.

What is known stands in *cells*, plain numbers in a row, and not in attributes: several
processes can share them (``slate.py``), and act as one client then.
"""
