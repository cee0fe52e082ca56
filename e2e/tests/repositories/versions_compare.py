"""Says how rpm orders pairs of versions.

usage: versions_compare.py FILE

FILE has a JSON array of pairs of [epoch, version, release], where a release may be null. Prints an
array with -1, 0 or 1 for each pair.
"""

import json
import sys

import rpm

with open(sys.argv[1], 'rb') as file:
    pairs = json.load(file)
print([rpm.labelCompare(tuple(one), tuple(other)) for one, other in pairs])
