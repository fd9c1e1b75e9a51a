#!/bin/bash
# Makes calls of xl in a dom0 that has no guests, and keeps what each said: NAME.txt, NAME.stderr.txt unless it is empty, and a line of INDEX.tsv (name, exit code,
# command). What tells of devices that a guest has taken is not among them: these guests have no drivers for them. Expects root, a folder to write to ($1), /vmlinuz, /bin/busybox and the bridge xenbr0. Leaves no guest, disk or configuration behind; may be run again.
set -euo pipefail

out=$1
guests=/srv/guest
disks=/srv/disks
configs=/etc/xen
consoles=/var/log/xen/console
longest=120
rm -rf "$out" "$guests" "$disks"
mkdir -p "$out" "$guests" "$disks"

finish() {
  local name
  for name in $(xl list | awk 'NR > 1 && $1 != "Domain-0" { print $1 }'); do xl destroy "$name"; done
  rm -rf "$guests" "$disks" "$configs"/recorded-*.cfg
  (cd "$configs" && rm -f pv1.cfg pv2.cfg pvh1.cfg deaf.cfg bad-syntax.cfg no-name.cfg badtype.cfg unk.cfg badmem.cfg baddisk.cfg nodisk.cfg nokernel.cfg noramdisk.cfg \
    nobridge.cfg bigmem.cfg badmac.cfg maxlt.cfg)
}
trap finish EXIT

# record NAME COMMAND: the command is a line of shell, kept as it stands here.
record() {
  local code=0
  timeout --kill-after=2 "$longest" bash -c "$2" >"$out/$1.txt" 2>"$out/$1.stderr.txt" </dev/null || code=$?
  [ -s "$out/$1.stderr.txt" ] || rm "$out/$1.stderr.txt"
  printf '%s\t%s\t%s\n' "$1" "$code" "$2" >>"$out/INDEX.tsv"
  printf '%s: %s\n' "$1" "$code"
}

# eventually WORDS...: until the command succeeds; fails when it has not within the limit.
eventually() {
  local left
  for ((left = longest; left > 0; left--)); do
    if "$@" >/dev/null 2>&1; then return; fi
    sleep 1
  done
  printf 'still not so after %s s: %s\n' "$longest" "$*" >&2
  return 1
}
greeted() { grep -q "^Hello from $1" "$consoles/guest-$1.log"; }
is_gone() { ! xl domid "$1"; }
has_mib() { [ "$(xl list "$1" | awk 'NR == 2 { print $3 }')" = "$2" ]; }
has_one_vcpu() { [ "$(xl list "$1" | awk 'NR == 2 { print $4 }')" = 1 ]; }
is_another() { [ "$(xl domid "$1")" != "$2" ]; }
create() {
  rm -f "$consoles/guest-$1.log"
  xl create "$configs/$1.cfg"
  eventually greeted "$1"
}

# A guest that says hello, and then hears what the toolstack asks of it, or does not.
make_initrd() {
  local name=$1 hears=$2 root
  root=$(mktemp --directory)
  mkdir -p "$root"/{bin,sbin,dev,proc,sys}
  cp /bin/busybox "$root/bin/"
  if [ "$hears" = yes ]; then ln -s /bin/busybox "$root/sbin/poweroff"; ln -s /bin/busybox "$root/sbin/reboot"; fi
  cat >"$root/init" <<'INIT'
#!/bin/busybox sh
/bin/busybox mount -t devtmpfs dev /dev
/bin/busybox mount -t proc proc /proc
trap '/bin/busybox poweroff -f' USR1 USR2
trap '/bin/busybox reboot -f' TERM
/bin/busybox echo "Hello from $(/bin/busybox sed -n 's/.*guest[.]name=\([^ ]*\).*/\1/p' /proc/cmdline)" >/dev/console
while :; do /bin/busybox sleep 3600 & wait $!; done
INIT
  chmod 755 "$root/init"
  (cd "$root" && find . | busybox cpio -o -H newc 2>/dev/null) | gzip >"$guests/$name"
  rm -r "$root"
}

# config FILE NAME [SED...]: a configuration like pv1's, with changes.
config() {
  local file=$1 name=$2
  shift 2
  cat >"$configs/$file.cfg" <<CONFIG
name = "$name"
type = "pv"
kernel = "/srv/guest/vmlinuz"
ramdisk = "/srv/guest/initrd.gz"
extra = "console=hvc0 quiet guest.name=$name"
memory = 96
maxmem = 192
vcpus = 1
disk = [ "format=raw,vdev=xvda,access=rw,target=/srv/disks/pv1.img" ]
vif = [ "mac=00:16:3e:00:00:01,bridge=xenbr0" ]
CONFIG
  local change
  for change in "$@"; do sed -i "$change" "$configs/$file.cfg"; done
}

prepare() {
  cp /vmlinuz "$guests/vmlinuz"
  make_initrd initrd.gz yes
  make_initrd deaf.gz no
  truncate --size=16M "$disks"/{pv1,pv2,pvh1}.img
  config pv1 pv1
  config pv2 pv2 's/pv1[.]img/pv2.img/; s/00:01,/00:02,/'
  config pvh1 pvh1 's/"pv"/"pvh"/; s/pv1[.]img/pvh1.img/; s/00:01,/00:02,/'
  config deaf deaf 's/initrd[.]gz/deaf.gz/'
  config no-name none '/^name/d'
  config badtype badtype 's/"pv"/"zzz"/'
  # shellcheck disable=SC2016 # sed's own words
  config unk unk '$a frobnicate = 1'
  config badmem badmem 's/= 96/= "lots"/'
  config baddisk baddisk 's/format=raw/format=zzz/'
  config nodisk nodisk 's/pv1[.]img/absent.img/'
  config nokernel nokernel 's/vmlinuz/absent/'
  config noramdisk noramdisk 's/initrd[.]gz/absent.gz/'
  config nobridge nobridge 's/mac=[^,]*,//; s/xenbr0/nobr9/'
  config bigmem bigmem 's/= 96/= 8192/; s/= 192/= 8192/'
  config badmac badmac 's/mac=00/mac=zz/'
  config maxlt maxlt 's/= 192/= 64/'
  printf 'name = "bad"\nmemory = [ 64\nvcpus = 1\n' >"$configs/bad-syntax.cfg"
}

without_guests() {
  record xl-version 'xl info xen_version'
  record xl-info 'xl info'
  record xl-info-free_memory 'xl info free_memory'
  record xl-list-dom0-only 'xl list'
  record xl-list-l-dom0-only 'xl list -l'
  record xl-list-v-dom0 'xl list -v'
  record xl-unknown-command 'xl frobnicate'
  record xl-list-bad-option 'xl list --bogus'
  record xl-list-absent-domain 'xl list nosuch'
  record xl-domid-absent 'xl domid nosuch'
  record xl-domname-absent 'xl domname 99'
  record xl-destroy-dom0 'xl destroy 0'
  local act
  for act in destroy shutdown pause console; do record "xl-$act-absent" "xl $act nosuch"; done
}

refused() {
  record xl-create-n-pv1 'xl create -n /etc/xen/pv1.cfg'
  record xl-create-no-file 'xl create /etc/xen/absent.cfg'
  record xl-create-bad-syntax 'xl create /etc/xen/bad-syntax.cfg'
  record xl-create-n-bad-syntax 'xl create -n /etc/xen/bad-syntax.cfg'
  record xl-create-no-name 'xl create /etc/xen/no-name.cfg'
  record xl-create-bad-type 'xl create /etc/xen/badtype.cfg'
  record xl-create-n-unknown-key 'xl create -n /etc/xen/unk.cfg'
  record xl-create-n-maxmem-below-memory 'xl create -n /etc/xen/maxlt.cfg'
  record xl-create-bad-disk-format 'xl create /etc/xen/baddisk.cfg'
  record xl-create-missing-disk 'xl create /etc/xen/nodisk.cfg'
  record xl-create-missing-kernel 'xl create /etc/xen/nokernel.cfg'
  record xl-create-missing-ramdisk 'xl create /etc/xen/noramdisk.cfg'
  record xl-create-unknown-bridge 'xl create /etc/xen/nobridge.cfg'
  record xl-create-not-enough-memory 'xl create /etc/xen/bigmem.cfg'
  # Not refused at all: what is no number is as good as none.
  record xl-create-memory-not-number 'xl create /etc/xen/badmem.cfg'
  record xl-destroy-badmem 'xl destroy badmem'
}

with_one() {
  # Not refused either: a MAC address that is none is passed over.
  record xl-create-bad-mac 'xl create /etc/xen/badmac.cfg'
  eventually greeted badmac
  rm -f "$consoles/guest-pv1.log"
  record xl-create-pv1 'xl create /etc/xen/pv1.cfg'
  record xl-list-pv1-starting 'xl list'
  eventually greeted pv1
  record xl-list-pv1 'xl list'
  record xl-list-v 'xl list -v'
  record xl-list-l 'xl list -l'
  record xl-list-n 'xl list -n'
  record xl-list-Z 'xl list -Z'
  record xl-list-c 'xl list -c'
  record xl-uptime 'xl uptime'
  record xl-uptime-s 'xl uptime -s'
  record xl-vcpu-list 'xl vcpu-list'
  record xl-vm-list 'xl vm-list'
  xl destroy badmac
  record xl-list-one 'xl list pv1'
  record xl-list-l-pv1 'xl list -l pv1'
  record xl-domid-pv1 'xl domid pv1'
  # shellcheck disable=SC2016 # for the shell that runs it
  record xl-domname-pv1 'xl domname $(xl domid pv1)'
  record xl-vcpu-list-pv1 'xl vcpu-list pv1'
  record xl-create-duplicate-name 'xl create /etc/xen/pv1.cfg'
  record xl-pause 'xl pause pv1'
  record xl-list-paused 'xl list'
  record xl-list-l-paused 'xl list -l pv1'
  record xl-unpause 'xl unpause pv1'
  record xl-list-unpaused 'xl list'
  record xl-mem-set-160 'xl mem-set pv1 160'
  eventually has_mib pv1 160
  record xl-list-mem-160 'xl list pv1'
  record xl-mem-set-over-max 'xl mem-set pv1 400'
  record xl-mem-max-256 'xl mem-max pv1 256'
  record xl-mem-set-bad 'xl mem-set pv1 lots'
  record xl-mem-set-huge 'xl mem-set pv1 99999'
  record xl-vcpu-set-2-over-max 'xl vcpu-set pv1 2'
  record xl-rename 'xl rename pv1 pv1b'
  record xl-list-renamed 'xl list'
  record xl-rename-back 'xl rename pv1b pv1'
  xl destroy pv1
}

lives() {
  local before
  create pv1
  before=$(xl domid pv1)
  rm -f "$consoles/guest-pv1.log"
  record xl-reboot 'xl reboot pv1'
  eventually is_another pv1 "$before"
  eventually greeted pv1
  record xl-list-after-reboot 'xl list'
  record xl-shutdown 'xl shutdown pv1'
  eventually is_gone pv1
  record xl-list-after-shutdown 'xl list'
  create pv1
  record xl-shutdown-w 'xl shutdown -w pv1'
  eventually is_gone pv1
  record xl-create-p 'xl create -p /etc/xen/pv1.cfg'
  record xl-list-created-paused 'xl list'
  record xl-unpause-created 'xl unpause pv1'
  record xl-destroy 'xl destroy pv1'
  record xl-list-after-destroy 'xl list'
  create deaf
  record xl-shutdown-deaf 'xl shutdown deaf'
  record xl-list-deaf 'xl list'
  record xl-destroy-deaf 'xl destroy deaf'
}

with_two() {
  sed -i 's/vcpus = 1/vcpus = 2/' "$configs/pv1.cfg"
  create pv1
  create pv2
  record xl-list-two-guests 'xl list'
  record xl-vcpu-list-two 'xl vcpu-list'
  record xl-vm-list-two 'xl vm-list'
  record xl-vcpu-set-1 'xl vcpu-set pv1 1'
  eventually has_one_vcpu pv1
  record xl-vcpu-list-after-set 'xl vcpu-list pv1'
  record xl-shutdown-a-w 'xl shutdown -a -w'
  eventually is_gone pv1
  eventually is_gone pv2
  rm -f "$consoles/guest-pvh1.log"
  record xl-create-pvh1 'xl create /etc/xen/pvh1.cfg'
  eventually greeted pvh1
  record xl-list-l-pvh1 'xl list -l pvh1'
  record xl-shutdown-w-pvh1 'xl shutdown -w pvh1'
  eventually is_gone pvh1
  record xl-info-end 'xl info'
}

prepare
without_guests
refused
with_one
lives
with_two
