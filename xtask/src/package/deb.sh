dpkg --force-unsafe-io --install "$package"
made
reads_with_dnf

# An upgrade keeps what a person wrote.
echo '# mine' >>/etc/ocirepo/serve.toml
echo 'allow = []' >/etc/ocirepo/serve.d/mine.toml
dpkg --force-unsafe-io --force-confold --install "$package"
tail -n 1 /etc/ocirepo/serve.toml | grep -qx '# mine' || fail 'the upgrade lost settings'

dpkg --remove ocirepo
gone /usr/bin/ocirepo /usr/lib/systemd/system/ocirepo.socket \
    /usr/lib/python3/dist-packages/dnf-plugins/ocirepo.py
[ -e /etc/ocirepo/serve.toml ] || fail 'settings went before they were purged'

dpkg --purge ocirepo
gone /etc/ocirepo/serve.toml /etc/dnf/plugins/ocirepo.conf /var/cache/ocirepo /var/lib/ocirepo
[ -e /etc/ocirepo/serve.d/mine.toml ] || fail 'a file of somebody else went, too'
