"""Says what librepo and createrepo_c read of repositories.

usage: readers_read.py DIRECTORY...

Prints an array with an object for each directory. `librepo` is what librepo makes of `repomd.xml`
once it has verified every file, or what it has against it; the rest is createrepo_c's. What is not
there is null.
"""

import json
import os
import sys

import createrepo_c
import librepo

DEPENDENCIES = ('provides', 'requires', 'conflicts', 'obsoletes', 'suggests', 'enhances',
                'recommends', 'supplements')


def by_librepo(directory):
    handle, result = librepo.Handle(), librepo.Result()
    handle.urls = [directory]
    handle.local = True
    handle.checksum = True
    handle.repotype = librepo.YUMREPO
    try:
        handle.perform(result)
    except librepo.LibrepoException as error:
        return {'refused': error.args[1]}
    lists = ('repo_tags', 'content_tags', 'distro_tags')
    repomd = result.yum_repomd
    return {
        'revision': repomd['revision'],
        'tags': [repomd[name] for name in lists],
        'records': {
            kind: [
                record['location_href'],
                [record['checksum_type'], record['checksum']],
                [record['checksum_open_type'], record['checksum_open']],
                [record['header_checksum_type'], record['header_checksum']],
                [record['size'], record['size_open']],
                record['timestamp'], record['db_version'],
            ]
            for kind, record in repomd.items() if isinstance(record, dict)
        },
    }


def nevra(package):
    return [package.name, package.epoch, package.version, package.release, package.arch]


def files(package):
    # Kind, directory and name, to which newer versions add a checksum.
    return [[file[0] or None, file[1] + file[2]] for file in package.files]


def primary(package):
    return {
        'nevra': nevra(package),
        'checksum': [package.checksum_type, package.pkgId],
        'location': package.location_href,
        'base': package.location_base,
        'times': [package.time_file, package.time_build],
        'sizes': [package.size_package, package.size_installed, package.size_archive],
        'texts': [package.summary, package.description, package.rpm_packager, package.url,
                  package.rpm_license, package.rpm_vendor, package.rpm_group,
                  package.rpm_buildhost, package.rpm_sourcerpm],
        'header': [package.rpm_header_start, package.rpm_header_end],
        'dependencies': {name: getattr(package, name) for name in DEPENDENCIES},
        'files': files(package),
    }


def filelists(package):
    return {'pkgid': package.pkgId, 'nevra': nevra(package), 'files': files(package)}


def other(package):
    return {'pkgid': package.pkgId, 'nevra': nevra(package), 'changes': package.changelogs}


def packages(parse, path, describe, **options):
    found = []

    def done(package):
        found.append(describe(package))

    # What it warns of, it reads all the same.
    parse(path, pkgcb=done, warningcb=lambda kind, text: True, **options)
    return found


def by_createrepo(directory):
    repomd = createrepo_c.Repomd()
    createrepo_c.xml_parse_repomd(os.path.join(directory, 'repodata/repomd.xml'), repomd,
                                  lambda kind, text: True)

    def path(kind):
        record = next(record for record in repomd.records if record.type == kind)
        return os.path.join(directory, record.location_href)

    return {
        'records': [
            [
                record.type, record.location_href,
                [record.checksum_type, record.checksum],
                [record.checksum_open_type, record.checksum_open],
                [record.checksum_header_type, record.checksum_header],
                [record.size, record.size_open, record.size_header],
                record.timestamp, record.db_ver,
            ]
            for record in repomd.records
        ],
        'primary': packages(createrepo_c.xml_parse_primary, path('primary'), primary,
                            do_files=True),
        'filelists': packages(createrepo_c.xml_parse_filelists, path('filelists'), filelists),
        'other': packages(createrepo_c.xml_parse_other, path('other'), other),
    }


print(json.dumps([dict(by_createrepo(directory), librepo=by_librepo(directory))
                  for directory in sys.argv[1:]]))
