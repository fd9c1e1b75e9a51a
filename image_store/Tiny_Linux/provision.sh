#!/bin/bash
# Makes the disk and the initrd of a Tiny_Linux guest. Expects: -x -p -s -i -l -c, the host's static busybox. Promises: exit 0 when both are there.
# May be run again: the initrd is made anew; a disk that is there is refused. Needs no root.
set -euo pipefail

while getopts 'x:p:s:i:l:c:' flag; do
  case $flag in
    x) vm_config=$OPTARG ;;
    p) param_file=$OPTARG ;;
    s) store=$OPTARG ;;
    i) image_name=$OPTARG ;;
    l) log_file=$OPTARG ;;
    c) image_conf=$OPTARG ;;
    *) exit 2 ;;
  esac
done
# shellcheck source=../common/defs
source "$store/common/defs"
# shellcheck source=../common/functions
source "$store/common/functions"

log_msg "provisioning from image $image_name"
source_python_config "$image_conf"
source_python_config "$vm_config"
# shellcheck source=/dev/null
if [ -s "$param_file" ]; then source "$param_file"; fi

provision_disks

# An initrd of two files: busybox, and an init that says hello and waits. Every entry belongs to root, whoever makes it.
# shellcheck disable=SC2154 # greeting, busybox and ramdisk are options of image.conf and vm_conf.template
make_initrd() {
  local root
  root=$(mktemp --directory)
  mkdir -p "$root/bin" "$root/sbin" "$root/dev" "$root/proc" "$root/sys"
  cp -- "$busybox" "$root/bin/busybox"
  chmod 755 "$root/bin/busybox"
  # The kernel runs these when the toolstack asks for shutdown or reboot; they tell init, which acts.
  ln -s /bin/busybox "$root/sbin/poweroff"
  ln -s /bin/busybox "$root/sbin/reboot"
  printf '%s\n' "$greeting" >"$root/greeting"
  cat >"$root/init" <<'INIT'
#!/bin/busybox sh
/bin/busybox mount -t devtmpfs dev /dev
/bin/busybox mount -t proc proc /proc
/bin/busybox mount -t sysfs sys /sys
/bin/busybox cat /greeting >/dev/console
trap '/bin/busybox poweroff -f' USR1 USR2
trap '/bin/busybox reboot -f' TERM
while :; do /bin/busybox sleep 3600 & wait $!; done
INIT
  chmod 755 "$root/init"
  mkdir -p -- "$(dirname -- "$ramdisk")"
  (cd "$root" && find . | LC_ALL=C sort | "$busybox" cpio -o -H newc -R 0:0 2>/dev/null) | gzip -n >"$ramdisk.part"
  mv -f -- "$ramdisk.part" "$ramdisk"
  rm -rf -- "$root"
}

log_msg "making the initrd $ramdisk from $busybox"
[ -x "$busybox" ] || _convirt_die "$busybox is not there: apt-get install busybox-static, or set the option busybox"
make_initrd
run_custom_scripts "$store/$image_name" "$store"
log_msg "completed"
