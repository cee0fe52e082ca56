# ocirepo.py: a plugin for dnf 4 that lets `baseurl` be `oci://…`
#
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Repositories in OCI registries for dnf.

For a run of dnf that has repositories with `baseurl=oci://…`, this plugin starts a bridge
(`ocirepo serve --handed-over`), gives it all it needs through its standard input, and makes it
the proxy of these repositories. The bridge ends when its standard input does, so when dnf
ends, however it ends.

dnf names its cache after the base URL, which therefore must not change from run to run: it
becomes `http://oci.ocirepo.invalid/REGISTRY/NAME:TAG/`, and only the proxy has the port and
the secret of this run.

Nothing that comes from a network is parsed here, for dnf is root; nor are files of
credentials: the bridge gets their content as it is, and runs as another user.

It needs Python 3.6 and nothing but its standard library and dnf.
"""

import base64
import errno
import http.client
import json
import logging
import os
import pwd
import resource
import select
import subprocess
import tempfile
import time
import urllib.parse

import dnf
import dnf.exceptions
import libdnf.conf

logger = logging.getLogger('dnf.plugin')

SCHEMES = ('oci://', 'oci+http://', 'oci+https://')

# Where packages and people put the program, before $PATH is searched.
PROGRAMS = ('/usr/bin/ocirepo', '/usr/local/bin/ocirepo')

# Who the bridge runs as when dnf runs as root: the first who exists.
USERS = ('ocirepo', 'nobody')

# Where the bridge of the user `ocirepo` may keep what it fetched.
CACHE = '/var/cache/ocirepo'

# How long the bridge may take to start, in seconds.
PATIENCE = 20

# How long dnf waits for the bridge, in seconds: longer than the bridge tries upstream, which
# has something to say when it gives up.
SILENCE = 600

# Variables that say how to reach a registry. The rest of root's environment is its own.
VARIABLES = ('http_proxy', 'HTTP_PROXY', 'https_proxy', 'HTTPS_PROXY', 'all_proxy', 'ALL_PROXY',
             'no_proxy', 'NO_PROXY', 'SSL_CERT_FILE', 'SSL_CERT_DIR', 'OCIREPO_CONFIG',
             'OCIREPO_REGISTRY', 'OCIREPO_USERNAME', 'OCIREPO_PASSWORD', 'OCIREPO_TOKEN',
             'CONTAINERS_REGISTRIES_CONF')


class OciRepo(dnf.Plugin):
    """Routes repositories in registries through a bridge."""

    name = 'ocirepo'

    def __init__(self, base, cli):
        super(OciRepo, self).__init__(base, cli)
        self.bridge = None
        self.repositories = []
        self.settings = {}

    def config(self):
        """Called once the repositories are read, with all options of the command line."""
        # What is shown and written there is the configuration as it is.
        if self.cli is not None and 'config-manager' in getattr(self.cli.command, 'aliases', ()):
            return
        self.repositories = [repo for repo in self.base.repos.values() if is_oci(repo)]
        if not self.repositories:
            return
        self.settings = self.read_settings()
        for repo in self.repositories:
            self.expand(repo)
        if any(repo.enabled for repo in self.repositories):
            self.route()
        else:
            # A command may enable one later; those that do not need no bridge.
            for repo in self.repositories:
                replace_load(repo, lambda repo, load: self.route_late(repo))
        self.explain_downloads()

    def read_settings(self):
        """`/etc/dnf/plugins/ocirepo.conf`, section `main`."""
        parser = self.read_config(self.base.conf)
        settings = {}
        for option in ('program', 'user', 'log'):
            if parser.has_section('main') and parser.has_option('main', option):
                settings[option] = parser.get('main', option)
        return settings

    def expand(self, repo):
        """Expands variables that dnf itself leaves, as old versions do in --repofrompath."""
        def expand(text):
            if '$' not in text:
                return text
            return libdnf.conf.ConfigParser.substitute(text, self.base.conf.substitutions)
        if any('$' in url for url in repo.baseurl):
            repo.baseurl = [expand(url) for url in repo.baseurl]
        if any('$' in url for url in repo.gpgkey):
            repo.gpgkey = [expand(url) for url in repo.gpgkey]

    def route(self):
        """Starts the bridge and leads all repositories through it."""
        handed = {}
        for repo in self.repositories:
            try:
                handed[repo.id] = describe(repo)
            except Problem as problem:
                give_up(repo, problem)
        if not handed:
            return
        try:
            self.bridge = Bridge(handed, self.settings)
        except Problem as problem:
            for repo in self.repositories:
                if repo.id in handed:
                    give_up(repo, problem)
            return
        for repo in self.repositories:
            if repo.id not in handed:
                continue
            answer = self.bridge.repositories.get(repo.id, {})
            if 'served' in answer:
                lead(repo, self.bridge.address, answer['served'])
                replace_load(repo, self.load)
            else:
                give_up(repo, answer.get('error', 'the bridge does not serve it'))

    def route_late(self, repo):
        """The first load of a repository that was enabled late."""
        for other in self.repositories:
            del other.load
        self.route()
        return repo.load()

    def load(self, repo, load):
        """Loads metadata; when that fails, says what the bridge says of it."""
        try:
            return load()
        except dnf.exceptions.RepoError as error:
            reasons = self.bridge.failures(repo)
            if not reasons:
                raise
            raise dnf.exceptions.RepoError(failed_to_load(repo, '; '.join(reasons)))

    def explain_downloads(self):
        """After a failed download of packages, says what the bridge says of it."""
        download = self.base.download_packages

        def explained(*args, **kwargs):
            try:
                return download(*args, **kwargs)
            except dnf.exceptions.Error:
                for repo in self.repositories if self.bridge else ():
                    for reason in self.bridge.failures(repo):
                        logger.error("Repository '%s': %s", repo.id, reason)
                raise

        self.base.download_packages = explained


class Problem(Exception):
    """Why a repository cannot be had, as a sentence."""


class Bridge(object):
    """A running bridge. It ends when this object or the process does."""

    def __init__(self, repositories, settings):
        if '*' in (os.environ.get('no_proxy'), os.environ.get('NO_PROXY')):
            raise Problem('no_proxy=* in the environment keeps dnf from its bridge; unset it')
        program = find_program(settings.get('program'))
        user = unprivileged(settings.get('user'))
        handed = {'repositories': repositories}
        if user is None:
            # Whoever runs dnf has files of their own, which the bridge may read itself.
            handed['environment'] = decodable(os.environ)
            handed['cache_dir'] = own_cache()
        else:
            variables = {name: os.environ[name] for name in VARIABLES if name in os.environ}
            handed['environment'] = decodable(variables)
            handed['auth_files'] = auth_files()
            handed['cache_dir'] = cache_of(user)
        self.passwords = {}
        self.log = open_log(settings.get('log'))
        self.process = start(program, user, self.log)
        answer = self.ask(handed)
        self.address = answer.get('listening')
        self.repositories = answer.get('repositories', {})
        for name, given in self.repositories.items():
            if 'served' in given:
                self.passwords[name] = given['served']['password']

    def ask(self, handed):
        """Hands over what the bridge is to know, and waits until it answers."""
        try:
            line = json.dumps(handed, ensure_ascii=True) + '\n'
            self.process.stdin.write(line.encode('ascii'))
            self.process.stdin.flush()
            answer = read_line(self.process.stdout, PATIENCE)
            return json.loads(answer.decode('utf-8'))
        except (EnvironmentError, ValueError) as error:
            self.process.stdin.close()
            self.process.kill()
            self.process.wait()
            raise Problem('the bridge did not start: %s' % (self.last_words() or error))

    def last_words(self):
        """What the bridge wrote before it ended."""
        try:
            self.log.seek(0)
            lines = self.log.read().decode('utf-8', 'replace').strip().splitlines()
        except (EnvironmentError, ValueError):
            return ''
        return lines[-1] if lines else ''

    def failures(self, repo):
        """What went wrong for this repository since this was asked last, as sentences."""
        password = self.passwords.get(repo.id)
        if password is None:
            return []
        token = base64.b64encode(('dnf:%s' % password).encode('ascii')).decode('ascii')
        connection = http.client.HTTPConnection(self.address.split('://', 1)[1], timeout=5)
        try:
            connection.request('GET', '/-/failures', headers={'Authorization': 'Basic ' + token})
            response = connection.getresponse()
            text = response.read().decode('utf-8', 'replace')
        except (EnvironmentError, http.client.HTTPException):
            code = self.process.poll()
            if code is None:
                return []
            return ['the bridge ended unexpectedly (%s) %s' % (code, self.last_words())]
        finally:
            connection.close()
        return longest(text.splitlines()) if response.status == 200 else []


def longest(reasons):
    """The sentences that say no less than another one does."""
    return [reason for reason in reasons if reason and not any(
        other != reason and other.startswith(reason) for other in reasons)]


def is_oci(repo):
    """Whether a repository, or the list of its mirrors, is in a registry. Where there is such
    a list, dnf does not look at `baseurl`."""
    lists = [url for url in (repo.metalink, repo.mirrorlist) if url]
    return any(url.lower().startswith(SCHEMES) for url in lists or repo.baseurl)


def describe(repo):
    """What the bridge is to know of a repository."""
    for option in ('mirrorlist', 'metalink'):
        value = getattr(repo, option) or ''
        if value.lower().startswith(SCHEMES):
            raise Problem('%s cannot be %s; give the mirrors as several baseurl' % (option, value))
    urls = [url for url in repo.baseurl if url.lower().startswith(SCHEMES)]
    for url in repo.baseurl:
        if url not in urls:
            logger.warning("Repository '%s': %s is left out, for other mirrors are in registries",
                           repo.id, url)
    handed = {
        'urls': urls,
        'keys': [key for key in repo.gpgkey if key.lower().startswith(SCHEMES)],
        'verify': bool(repo.sslverify),
    }
    if is_set(repo, 'timeout'):
        handed['timeout'] = int(repo.timeout)
    if repo.username:
        handed['username'] = repo.username
        handed['password'] = repo.password or ''
    if is_set(repo, 'retries') and repo.retries > 0:
        handed['attempts'] = int(repo.retries)
    if is_set(repo, 'proxy'):
        handed['proxy'] = proxy_with_login(repo)
    for option, field in (('sslcacert', 'authorities'), ('sslclientcert', 'certificate'),
                          ('sslclientkey', 'key')):
        path = getattr(repo, option)
        if path:
            handed[field] = read_file(option, path)
    return handed


def is_set(repo, option):
    """Whether somebody set an option, in the repository or for all of them."""
    return repo._get_priority(option) > dnf.conf.PRIO_DEFAULT


def proxy_with_login(repo):
    """The proxy of a repository as one URL; empty for none."""
    proxy = repo.proxy or ''
    if proxy in ('', '_none_') or not repo.proxy_username:
        return '' if proxy == '_none_' else proxy
    quote = urllib.parse.quote
    login = '%s:%s' % (quote(repo.proxy_username, ''), quote(repo.proxy_password or '', ''))
    scheme, _, host = proxy.rpartition('://')
    return '%s://%s@%s' % (scheme or 'http', login, host)


def read_file(option, path):
    """A file as root reads it, for the bridge."""
    try:
        with open(path, 'rb') as file:
            return {'path': path, 'content': file.read().decode('utf-8')}
    except (EnvironmentError, ValueError) as error:
        raise Problem('cannot read the file of %s: %s' % (option, error))


def lead(repo, address, served):
    """Makes the bridge the proxy of a repository. What the bridge does upstream, dnf does not
    do a second time, and what only the bridge should know is gone from here."""
    keys = iter(served['keys'])
    repo.gpgkey = [next(keys) if key.lower().startswith(SCHEMES) else key for key in repo.gpgkey]
    repo.baseurl = served['urls']
    repo.proxy = address
    repo.proxy_username = 'dnf'
    repo.proxy_password = served['password']
    repo.proxy_auth_method = 'basic'
    repo.username = ''
    repo.password = ''
    for option in ('sslcacert', 'sslclientcert', 'sslclientkey'):
        if getattr(repo, option):
            setattr(repo, option, '')
    repo.timeout = SILENCE
    repo.minrate = 1
    repo.retries = len(served['urls'])
    repo.fastestmirror = False


def give_up(repo, reason):
    """Lets a repository fail when dnf wants it, and as dnf lets repositories fail."""
    def fail(repo, _):
        raise dnf.exceptions.RepoError(failed_to_load(repo, reason))
    replace_load(repo, fail)


def failed_to_load(repo, reason):
    """dnf's own words for it."""
    return "Failed to download metadata for repo '%s': %s" % (repo.id, reason)


def replace_load(repo, load):
    """Calls `load(repo, usual)` where dnf would load the metadata of a repository."""
    usual = type(repo).load.__get__(repo)
    repo.load = lambda: load(repo, usual)


def find_program(configured):
    """The program, which is a package of its own."""
    if configured:
        if os.access(configured, os.X_OK):
            return configured
        raise Problem('%s, which ocirepo.conf names as the program, cannot be run' % configured)
    path = os.environ.get('PATH', '').split(os.pathsep)
    for program in PROGRAMS + tuple(os.path.join(place, 'ocirepo') for place in path if place):
        if os.path.isabs(program) and os.access(program, os.X_OK):
            return program
    raise Problem('its baseurl is in a registry, which takes the program `ocirepo`; install it, '
                  'or disable the repository')


def unprivileged(configured):
    """Who the bridge runs as; None to stay who we are."""
    if os.geteuid() != 0:
        return None
    for name in (configured,) if configured else USERS:
        try:
            user = pwd.getpwnam(name)
        except KeyError:
            continue
        if user.pw_uid == 0:
            break
        # In a user namespace, root is somebody harmless outside, and there may be no other.
        return user if is_mapped(user.pw_uid) else None
    raise Problem('there is no user %s that the bridge could run as; set `user` in ocirepo.conf'
                  % (configured or ' or '.join(USERS)))


def is_mapped(uid):
    """Whether a user exists in this user namespace."""
    try:
        with open('/proc/self/uid_map') as file:
            for line in file:
                first, _, count = (int(number) for number in line.split())
                if first <= uid < first + count:
                    return True
            return False
    except (EnvironmentError, ValueError):
        return True


def decodable(variables):
    """Variables as JSON can hold them."""
    pairs = ((name, value.encode('utf-8', 'ignore').decode('utf-8'))
             for name, value in variables.items())
    return dict(pairs)


def auth_files():
    """The content of the files in which docker and podman keep credentials, in the order of
    containers-auth.json(5)."""
    environment = os.environ
    home = environment.get('HOME') or '/root'
    explicit = environment.get('REGISTRY_AUTH_FILE')
    if explicit:
        paths = [explicit]
    else:
        # Where podman puts logins of root while there is no XDG_RUNTIME_DIR.
        run = environment.get('XDG_RUNTIME_DIR') or '/run/containers/%d' % os.getuid()
        below = 'containers/auth.json' if environment.get('XDG_RUNTIME_DIR') else 'auth.json'
        config = environment.get('XDG_CONFIG_HOME') or os.path.join(home, '.config')
        docker = environment.get('DOCKER_CONFIG') or os.path.join(home, '.docker')
        paths = [os.path.join(run, below), os.path.join(config, 'containers/auth.json'),
                 os.path.join(docker, 'config.json'), os.path.join(home, '.dockercfg')]
    files = []
    for path in paths:
        try:
            with open(path, 'rb') as file:
                content = file.read().decode('utf-8', 'replace')
        except EnvironmentError as error:
            if explicit or error.errno not in (errno.ENOENT, errno.ENOTDIR):
                logger.warning('Credentials for registries: %s', error)
            continue
        files.append({'path': path, 'content': content})
    return files


def own_cache():
    """The cache of whoever runs dnf."""
    above = os.environ.get('XDG_CACHE_HOME') or os.path.join(os.path.expanduser('~'), '.cache')
    return os.path.join(above, 'ocirepo')


def cache_of(user):
    """The cache of the bridge's user; None when it has none."""
    try:
        return CACHE if os.stat(CACHE).st_uid == user.pw_uid else None
    except EnvironmentError:
        return None


def open_log(configured):
    """Where the bridge writes what goes wrong: a file without a name unless one is set."""
    try:
        return open(configured, 'a+b') if configured else tempfile.TemporaryFile()
    except EnvironmentError as error:
        logger.warning('The log of the bridge: %s', error)
        return open(os.devnull, 'r+b')


def start(program, user, log):
    """Starts the bridge with as little of ours as possible."""
    def become():
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        os.umask(0o077)
        if user is not None:
            os.setgroups([])
            os.setgid(user.pw_gid)
            os.setuid(user.pw_uid)

    environment = {'PATH': '/usr/bin:/bin', 'LC_ALL': 'C.UTF-8', 'TMPDIR': '/var/tmp'}
    try:
        return subprocess.Popen([program, 'serve', '--handed-over'], stdin=subprocess.PIPE,
                                stdout=subprocess.PIPE, stderr=log, cwd='/', close_fds=True,
                                env=environment, preexec_fn=become)
    except (EnvironmentError, subprocess.SubprocessError) as error:
        raise Problem('%s cannot be started: %s' % (program, error))


def read_line(pipe, patience):
    """One line of a pipe, if it comes in time."""
    deadline = time.time() + patience
    line = b''
    while not line.endswith(b'\n'):
        ready, _, _ = select.select([pipe], [], [], max(0, deadline - time.time()))
        if not ready:
            raise ValueError('it said nothing for %d seconds' % patience)
        piece = os.read(pipe.fileno(), 65536)
        if not piece:
            raise ValueError('it ended at once')
        line += piece
    return line
