#!/bin/sh
# Becomes a Docker engine whose root is the tree $1 and whose every file lies in $2 (sockets, for this run) and $3
# (images). To be run in a mount namespace of its own: the machine sees none of these mounts.
set -eu
tree=$1 scratch=$2 data=$3

mount --bind "$tree" "$tree"
cd "$tree"
for name in proc sys dev; do
    mount --rbind "/$name" "$name"
done
mount -t tmpfs tmpfs run
mount -t tmpfs tmpfs tmp
for folder in "$scratch" "$data"; do
    mkdir -p ".$folder"
    mount --bind "$folder" ".$folder"
done
cp /etc/resolv.conf /etc/hosts etc/
mkdir -p machine
pivot_root . machine
umount -l machine

export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
exec dockerd --data-root "$data" --exec-root "$scratch/exec" --pidfile "$scratch/dockerd.pid" \
    --host "unix://$scratch/docker.sock" --exec-opt native.cgroupdriver=cgroupfs
