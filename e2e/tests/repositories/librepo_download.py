"""Downloads the metadata of a repository and one of its packages with librepo.

usage: librepo_download.py URL DIRECTORY USER:PASSWORD NAME [CHECKSUM]

Prints the path and the checksum that the metadata give the package. With CHECKSUM, that is what
the package is compared with instead.
"""

import gzip
import os
import sys
import xml.etree.ElementTree

import librepo

COMMON = '{http://linux.duke.edu/metadata/common}'

url, directory, login, name = sys.argv[1:5]

handle = librepo.Handle()
handle.urls = [url]
handle.repotype = librepo.YUMREPO
handle.destdir = directory
handle.checksum = True
if login:
    handle.userpwd = login
result = librepo.Result()
handle.perform(result)
primary = result.yum_repo['primary']
content = (gzip.open if primary.endswith('.gz') else open)(primary, 'rb')
for package in xml.etree.ElementTree.parse(content).iter(COMMON + 'package'):
    if package.find(COMMON + 'name').text == name:
        break
else:
    sys.exit('%s has no %s' % (primary, name))
location = package.find(COMMON + 'location').get('href')
checksum = package.find(COMMON + 'checksum')
assert checksum.get('type') == 'sha256'


def failed(_, message, url):
    print('%s: %s' % (url, message), file=sys.stderr)


target = librepo.PackageTarget(
    location, handle=handle, dest=os.path.join(directory, name + '.rpm'),
    checksum_type=librepo.SHA256, checksum=(sys.argv[5:] or [checksum.text])[0],
    mirrorfailurecb=failed, expectedsize=int(package.find(COMMON + 'size').get('package')))
librepo.download_packages([target])
if target.err:
    sys.exit(target.err)
print(location, checksum.text)
