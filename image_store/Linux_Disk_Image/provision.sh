#!/bin/bash
# Copies the reference disk, grows it and makes the cloud-init seed. Expects: -x -p -s -i -l -c. Promises: exit 0 when disk and seed are there.
# May be run again: the seed is made anew; a disk that is there is refused, unless the request replaces disks.
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

# yaml TEXT: TEXT as a YAML string in double quotes, in which nothing is special but what is escaped here.
yaml() {
  local text=$1
  text=${text//\\/\\\\}
  text=${text//\"/\\\"}
  text=${text//$'\n'/\\n}
  text=${text//$'\t'/\\t}
  printf '"%s"' "$text"
}

# shellcheck disable=SC2154 # the seed_ options and the disks' folder come from image.conf
write_seed() {
  local folder=$1 name=${seed_hostname:-$CONVIRT_VM_NAME} item
  printf 'instance-id: %s\nlocal-hostname: %s\n' "$(yaml "$CONVIRT_VM_UUID")" "$(yaml "$name")" >"$folder/meta-data"
  {
    printf '#cloud-config\nhostname: %s\nusers:\n  - name: %s\n' "$(yaml "$name")" "$(yaml "$seed_user")"
    printf '    sudo: "ALL=(ALL) NOPASSWD:ALL"\n    shell: /bin/bash\n    lock_passwd: true\n    ssh_authorized_keys:\n'
    while IFS= read -r -d '' item; do printf '      - %s\n' "$(yaml "$item")"; done < <(list_items "$seed_ssh_keys")
    printf 'growpart: {mode: auto, devices: ["/"]}\n'
  } >"$folder/user-data"
  {
    printf 'version: 2\nethernets:\n  all:\n    match: {name: "e*"}\n'
    if [ "$seed_address" = dhcp ]; then
      printf '    dhcp4: true\n'
    else
      printf '    addresses: [%s]\n' "$(yaml "$seed_address")"
      if [ -n "$seed_gateway" ]; then printf '    routes: [{to: default, via: %s}]\n' "$(yaml "$seed_gateway")"; fi
      printf '    nameservers:\n      addresses:\n'
      while IFS= read -r -d '' item; do printf '        - %s\n' "$(yaml "$item")"; done < <(list_items "$seed_dns")
    fi
  } >"$folder/network-config"
}

seed_folder=$(mktemp --directory)
trap 'rm -rf -- "$seed_folder"' EXIT
write_seed "$seed_folder"
# The seed is the second disk of the VM: its path is in the configuration, whatever folder was chosen.
seed=
while IFS= read -r -d '' entry; do
  case $entry in *,xvdb,r) seed=${entry#*:} && seed=${seed%,xvdb,r} ;; esac
done < <(list_items "$disk")
[ -n "$seed" ] || _convirt_die "the VM has no read-only disk xvdb for its seed"
log_msg "making the seed $seed"
make_seed "$seed_folder" "$seed"
run_custom_scripts "$store/$image_name" "$store"
log_msg "completed"
