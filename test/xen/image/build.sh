#!/bin/bash
# Builds a bootable dom0 from Debian's packages: no loop device, no boot loader, no partition table. Expects root, a folder to build in ($1), and mmdebstrap,
# e2fsprogs, kmod, cpio, busybox-static and openssh-client. Promises in that folder: xen, vmlinuz, initrd, dom0.raw, key and key.pub; may be run again.
set -euo pipefail

folder=$1
here=$(cd "$(dirname "$0")" && pwd)
suite=bookworm
release=4.17
export DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8
mkdir -p "$folder"
cd "$folder"
rm -rf root kernel cloud initrd.d

# The machine's own package sources serve the dom0 too.
sources=()
for file in /etc/apt/sources.list /etc/apt/sources.list.d/debian.sources; do
  if [ -s "$file" ]; then sources+=("$file"); fi
done

say() { printf '[%s s] %s\n' "$SECONDS" "$*"; }

# The full kernel for dom0 (the cloud one cannot be one), the cloud one for guests. Both are unpacked by hand: no initramfs-tools, a third of the modules.
fetch_kernels() {
  local full cloud
  full=$(apt-cache depends linux-image-amd64 | awk '/Depends: linux-image-/ { print $2; exit }')
  cloud=$(apt-cache depends linux-image-cloud-amd64 | awk '/Depends: linux-image-/ { print $2; exit }')
  mkdir -p debs
  (cd debs && apt-get -o APT::Sandbox::User=root --quiet=2 download "$full" "$cloud")
  version=${full#linux-image-}
  local modules=./lib/modules/$version/kernel
  local without=()
  local name
  for name in sound drivers/{gpu,media,infiniband,staging,iio,hwmon,usb,hid,input,mtd,isdn,platform,scsi,crypto,bluetooth,comedi,mfd,edac,mmc,firewire,thunderbolt} \
    drivers/net/{wireless,usb,can,ethernet} net/{mac80211,bluetooth}; do
    without+=("--exclude=$modules/$name")
  done
  mkdir -p kernel/usr/lib cloud
  dpkg-deb --fsys-tarfile "debs/$full"_*.deb | tar -x -C kernel --exclude=./usr/share "${without[@]}"
  mv kernel/lib/modules kernel/usr/lib/
  rmdir kernel/lib
  ln -s usr/lib kernel/lib
  depmod -b kernel "$version"
  cp "kernel/boot/vmlinuz-$version" vmlinuz
  dpkg-deb --fsys-tarfile "debs/$cloud"_*.deb | tar -x -C cloud ./boot
  rm -rf debs
}

# A few modules and busybox; uncompressed, for under emulation nothing is cheaper than not to inflate.
make_initrd() {
  mkdir -p initrd.d/{bin,proc,sys,dev,mnt,modules}
  cp /bin/busybox initrd.d/bin/
  install -m 755 "$here/dom0-init" initrd.d/init
  local number=10 module file
  for module in virtio_pci virtio_blk ext4; do
    while read -r _ file _; do
      [ -z "$file" ] || compgen -G "initrd.d/modules/*-${file##*/}" >/dev/null || {
        cp "$file" "initrd.d/modules/$number-${file##*/}"
        number=$((number + 1))
      }
    done < <(modprobe -d "$PWD/kernel" -S "$version" --show-depends "$module" | grep '^insmod')
  done
  (cd initrd.d && find . | LC_ALL=C sort | cpio -o -H newc --quiet) >initrd
}

make_root() {
  local packages=systemd,systemd-sysv,udev,kmod,dbus,iproute2,procps,netbase,openssh-server
  packages+=,xen-hypervisor-$release-amd64,xen-utils-$release,xenstore-utils,qemu-system-xen
  # What the packages depend on, and the agent recommends; they themselves are installed by the tests.
  packages+=,adduser,nodejs,lvm2,e2fsprogs,xfsprogs,qemu-utils,curl,genisoimage,busybox-static,logrotate
  mmdebstrap --quiet --mode=root --variant=minbase --include="$packages" \
    --aptopt='Apt::Install-Recommends "false"' --aptopt='Acquire::Languages "none"' \
    --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/locale/*' --dpkgopt='force-unsafe-io' \
    "$suite" root "${sources[@]}"
  zcat "root/boot/xen-$release-amd64.gz" >xen
  cp -a kernel/usr/lib/modules root/usr/lib/
  # Where Debian has the kernel that is installed, and where Tiny_Linux looks for one.
  cp cloud/boot/vmlinuz-* root/boot/
  ln -s boot/"$(basename cloud/boot/vmlinuz-*)" root/vmlinuz
}

configure_root() {
  [ -f key ] || ssh-keygen -q -t ed25519 -N '' -C convirt-test -f key
  install -d -m 700 root/root/.ssh
  install -m 600 key.pub root/root/.ssh/authorized_keys
  echo dom0 >root/etc/hostname
  printf '127.0.0.1 localhost\n127.0.1.1 dom0\n' >root/etc/hosts
  echo '/dev/vda / ext4 noatime 0 1' >root/etc/fstab
  rm -f root/etc/ssh/ssh_host_{rsa,ecdsa}_key*
  printf 'HostKey /etc/ssh/ssh_host_ed25519_key\nUseDNS no\nUsePAM no\nMaxSessions 64\n' >root/etc/ssh/sshd_config.d/test.conf
  printf '%s\n' virtio_net bridge loop xen-gntdev xen-evtchn xen-netback xen-blkback xen-gntalloc >root/etc/modules-load.d/dom0.conf
  # Guests' consoles are kept, as an operator would have it.
  echo 'XENCONSOLED_ARGS="--log=guest --log-dir=/var/log/xen/console"' >>root/etc/default/xen
  install -d root/var/log/xen/console
  cp "$here/dom0-network" root/usr/local/sbin/
  cp "$here/dom0-network.service" root/etc/systemd/system/
  ln -s ../dom0-network.service root/etc/systemd/system/multi-user.target.wants/
  local unit
  for unit in apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer e2scrub_reap.service fstrim.timer logrotate.timer \
    systemd-timesyncd.service getty@tty1.service systemd-update-utmp.service systemd-update-utmp-runlevel.service xendomains.service; do
    ln -sf /dev/null "root/etc/systemd/system/$unit"
  done
  chroot root passwd -d root >/dev/null
  rm -rf root/var/cache/apt/* root/var/lib/apt/lists/*
}

fetch_kernels
say "kernel $version"
make_initrd
make_root
say "root file system, $(du -sm root | cut -f1) MB"
configure_root
rm -f dom0.raw
truncate -s 2G dom0.raw
mkfs.ext4 -q -F -L dom0 -E lazy_itable_init=1 -m 0 -d root dom0.raw
rm -rf root kernel cloud initrd.d
say "image, $(du -m dom0.raw | cut -f1) MB"
