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

# What is wrong is said before anything is made. The seed_ options come from image.conf.
# shellcheck disable=SC2154
[[ $seed_address == dhcp || $seed_address == */* ]] || _convirt_die "seed_address is \"$seed_address\", and must be dhcp or an address with its prefix, such as 192.0.2.10/24"
# shellcheck disable=SC2154
[ "$(list_items "$seed_ssh_keys" | wc -c)" -gt 0 ] || log_msg "WARNING: seed_ssh_keys is empty: nobody will be able to sign in to this VM"
# The seed is the second disk of the VM: its path is in the configuration, whatever folder was chosen.
find_disk xvdb
# shellcheck disable=SC2154 # set by what was just called
seed=$disk_path

provision_disks

# yaml TEXT: TEXT as a YAML string in double quotes, in which nothing is special but what is escaped here.
yaml() {
  local text=$1
  text=${text//\\/\\\\}
  text=${text//\"/\\\"}
  text=${text//$'\n'/\\n}
  text=${text//$'\r'/\\r}
  text=${text//$'\t'/\\t}
  printf '"%s"' "${text//[[:cntrl:]]/}"
}

# yaml_list INDENT LIST: the list's texts below each other.
yaml_list() {
  local item
  while IFS= read -r -d '' item; do printf '%s- %s\n' "$1" "$(yaml "$item")"; done < <(list_items "$2")
}

write_meta_data() {
  printf 'instance-id: %s\nlocal-hostname: %s\n' "$(yaml "$CONVIRT_VM_UUID")" "$(yaml "$1")"
}

# shellcheck disable=SC2154 # the seed_ options come from image.conf
write_user_data() {
  local keys
  printf '#cloud-config\nhostname: %s\nusers:\n  - name: %s\n' "$(yaml "$1")" "$(yaml "$seed_user")"
  printf '    sudo: "ALL=(ALL) NOPASSWD:ALL"\n    shell: /bin/bash\n    lock_passwd: true\n'
  keys=$(yaml_list '      ' "$seed_ssh_keys")
  if [ -n "$keys" ]; then printf '    ssh_authorized_keys:\n%s\n' "$keys"; fi
  printf 'growpart:\n  mode: auto\n  devices: ["/"]\n'
}

# The first Ethernet card, whatever the guest calls it: eth0 or enX0.
# shellcheck disable=SC2154 # the seed_ options come from image.conf
write_network_config() {
  local servers any='0.0.0.0/0'
  printf 'version: 2\nethernets:\n  all:\n    match:\n      name: "e*"\n'
  if [ "$seed_address" = dhcp ]; then
    printf '    dhcp4: true\n'
    return 0
  fi
  printf '    addresses: [%s]\n' "$(yaml "$seed_address")"
  case $seed_gateway in *:*) any='::/0' ;; esac
  if [ -n "$seed_gateway" ]; then printf '    routes:\n      - to: "%s"\n        via: %s\n' "$any" "$(yaml "$seed_gateway")"; fi
  servers=$(yaml_list '        ' "$seed_dns")
  if [ -n "$servers" ]; then printf '    nameservers:\n      addresses:\n%s\n' "$servers"; fi
}

seed_folder=$(mktemp --directory)
trap 'rm -rf -- "$seed_folder"' EXIT
guest=${seed_hostname:-$CONVIRT_VM_NAME}
write_meta_data "$guest" >"$seed_folder/meta-data"
write_user_data "$guest" >"$seed_folder/user-data"
write_network_config >"$seed_folder/network-config"
log_msg "making the seed $seed"
make_seed "$seed_folder" "$seed"
run_custom_scripts "$store/$image_name" "$store"
log_msg "completed"
