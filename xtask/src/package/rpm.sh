# Where a Python of the distributions that use RPM looks.
plugins=/usr/lib/python3.99/site-packages/dnf-plugins
mkdir -p "$plugins"
rpm() {
    command rpm --dbpath /tmp/try/rpmdb --nodeps --force-debian "$@"
}
rpm --install "$package"
made
cmp "$plugins/ocirepo.py" /usr/share/ocirepo/dnf-plugins/ocirepo.py
reads_with_dnf "--setopt=pluginpath=$plugins"
rpm --verify ocirepo

rpm --erase ocirepo
gone /usr/bin/ocirepo /usr/share/ocirepo "$plugins/ocirepo.py" \
    /usr/lib/systemd/system/ocirepo.socket
