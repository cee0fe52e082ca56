# Runs a script in a copy of this machine that is thrown away: overlay.sh SCRIPT PACKAGE, in a
# mount namespace of its own. Ends with 99 where the copy cannot be made.
set -eu
copy=$(mktemp -d)
mount -t tmpfs tmpfs "$copy" || exit 99
mkdir "$copy/upper" "$copy/work" "$copy/root"
mount -t overlay overlay \
    -o "lowerdir=/,upperdir=$copy/upper,workdir=$copy/work" "$copy/root" || exit 99
mount --bind /proc "$copy/root/proc"
mount --bind /dev "$copy/root/dev"
mkdir -p "$copy/root/tmp/try"
cp "$1" "$copy/root/tmp/try/script"
cp "$2" "$copy/root/tmp/try/package"
result=0
chroot "$copy/root" sh /tmp/try/script /tmp/try/package || result=$?
umount -R "$copy/root"
umount "$copy"
rmdir "$copy"
exit $result
