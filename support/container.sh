#!/bin/sh
# Runs a program as in a container, without Docker: its own root folder, read-only where it says so, as another user without
# any capability. Must run as root in its own mount namespace: unshare -m sh container.sh ROOT COMMAND ARGUMENT...
# Standard input has one mount a line: `bind SOURCE TARGET ro|rw`, `tmpfs TARGET OPTIONS`, or `hosts NAME`.
# Variables: RUN_USER (`uid:gid`), RUN_READ_ONLY (1), RUN_ENV (file with NAME=VALUE lines).
set -eu
root=$1
shift

mount -t tmpfs -o mode=755 none "$root"
for name in bin sbin lib lib64 usr; do
  if [ -L "/$name" ]; then cp -P "/$name" "$root/$name"
  elif [ -d "/$name" ]; then mkdir "$root/$name" && mount --bind -o ro "/$name" "$root/$name"
  fi
done
for name in proc dev; do mkdir "$root/$name" && mount --rbind "/$name" "$root/$name"; done
mkdir -m 1777 "$root/tmp"
mkdir "$root/etc" "$root/run"
cp -a /etc/passwd /etc/group /etc/nsswitch.conf /etc/ld.so.cache "$root/etc/"
echo "user:x:${RUN_USER}::/:/bin/sh" >>"$root/etc/passwd"
echo '127.0.0.1 localhost' >"$root/etc/hosts"

while read -r kind source target mode; do
  case $kind in
  hosts) echo "127.0.0.1 $source" >>"$root/etc/hosts" ;;
  tmpfs) mkdir -p "$root$source" && mount -t tmpfs -o "$target" none "$root$source" ;;
  bind)
    if [ -d "$source" ]; then mkdir -p "$root$target"
    else mkdir -p "$(dirname "$root$target")" && : >"$root$target"
    fi
    mount --bind -o "$mode" "$source" "$root$target"
    ;;
  esac
done
[ "${RUN_READ_ONLY:-}" != 1 ] || mount -o remount,ro "$root"

variables=$(cat "$RUN_ENV")
uid=${RUN_USER%:*} gid=${RUN_USER#*:}
exec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin $variables chroot "$root" /usr/bin/setpriv \
  --reuid "$uid" --regid "$gid" --clear-groups --no-new-privs --bounding-set=-all --inh-caps=-all -- "$@" </dev/null
