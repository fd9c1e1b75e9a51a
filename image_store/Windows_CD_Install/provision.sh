#!/bin/bash
# Prepares what a VM needs, on the host, as root. Expects: -x VM configuration, -p arguments, -s image store, -i image's folder name, -l log, -c image.conf.
# Promises: exit 0 when every disk and boot file is there; anything else, when not. May be run again: what is there already is refused, not overwritten.

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
image_root="$store/$image_name"

# shellcheck source=../common/defs
source "$store/common/defs"
# shellcheck source=../common/functions
source "$store/common/functions"

log_msg "provisioning from image $image_name"
source_python_config "$image_conf" || exit 1
source_python_config "$vm_config" || exit 1
# shellcheck source=/dev/null
if [ -s "$param_file" ]; then source "$param_file"; fi

# shellcheck disable=SC2154 # iso is an option of image.conf
if ! [ -r "$iso" ]; then
  log_msg "ERROR: the ISO $iso is not there; put it on this host, or set the option iso"
  exit 1
fi
provision_disks
provision_boot_files
run_custom_scripts "$image_root" "$store"
log_msg "completed"
