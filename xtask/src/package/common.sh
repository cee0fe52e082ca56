set -eu
package=$1
export LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive

fail() {
    echo "$*" >&2
    exit 1
}

# What the scripts of the package make.
made() {
    getent passwd ocirepo >/dev/null || fail "there is no user ocirepo"
    for directory in /var/cache/ocirepo /var/lib/ocirepo; do
        owner=$(stat -c '%U %a' "$directory")
        [ "$owner" = 'ocirepo 750' ] || fail "$directory belongs to $owner"
    done
    [ -d /etc/ocirepo/serve.d ] || fail "there is no /etc/ocirepo/serve.d"
}

# dnf with the plugin and the program, as they were installed. Nobody listens at port 9.
reads_with_dnf() {
    mkdir -p /tmp/try/repos
    printf '[try]\nname=Try\nbaseurl=oci://127.0.0.1:9/none/such\nenabled=1\ngpgcheck=0\n' \
        >/tmp/try/repos/try.repo
    said=$(dnf --setopt=reposdir=/tmp/try/repos "$@" --installroot=/tmp/try/root \
        --releasever=1 --setopt=skip_if_unavailable=0 makecache 2>&1) && fail "dnf found it: $said"
    case $said in
        *'cannot pull manifest 127.0.0.1:9/none/such:latest'*) ;;
        *) fail "dnf did not ask through the plugin: $said" ;;
    esac
    # The bridge ran as the user of the package.
    [ "$(stat -c %U /var/cache/ocirepo/content)" = ocirepo ] || fail "somebody else's cache"
}

gone() {
    for path in "$@"; do
        [ ! -e "$path" ] || fail "$path is still there"
    done
}
