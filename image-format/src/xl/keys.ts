// The keys of a VM configuration: those that xl.cfg(5) describes (Xen 4.17 to 4.22) or that xl still reads from the days of xm, those that only ConVirt
// knew, and those that reach into the host. A typing error in a key is never reported by xl, so lint does it.

/** Keys that xl reads. */
export const xlKeys: ReadonlySet<string> = new Set(
  `name type uuid seclabel init_seclabel max_grant_version nomigrate pool vcpus maxvcpus cpus cpus_soft cpu_weight cap memory maxmem vnuma
  on_poweroff on_reboot on_watchdog on_crash on_soft_reset kernel ramdisk cmdline root extra loader bootloader bootloader_args bootloader_restrict bootloader_user
  bootloader_args builder direct_kernel_boot firmware firmware_override bios bios_path_override disk vif vtpm p9 pvcalls vfb channel rdm usbctrl usbdev pci
  pci_permissive pci_msitranslate pci_power_mgmt pci_seize gfx_passthru rdm_mem_boundary dtdev ioports iomem irqs max_event_channels vdispl dm_restrict vsnd vkb
  virtio tee xend_suspend_evtchn_compat gic_version vuart device_tree passthru_device_tree nestedhvm pvh e820_host fifo pae acpi acpi_s3 acpi_s4 acpi_laptop_slate
  apic nx cpuid acpi_firmware smbios_firmware smbios ms_vm_genid tsc_mode localtime rtc_timeoffset vpt_align timer_mode hap oos shadow_memory nested_hvm altp2m
  vmtrace_buf_kb viridian mmio_hole hdtype xen_platform_pci viridian_base vnc vnclisten vncdisplay vncunused vncpasswd sdl opengl display keymap stdvga vga videoram
  spice spicehost spiceport spicetls_port spicedisable_ticketing spicepasswd spiceagent_mouse spicevdagent spice_clipboard_sharing spiceusbredirection
  spice_image_compression spice_streaming_video serial soundhw usb usbversion usbdevice vendor_device device_model_version device_model_override
  device_model_stubdomain_override stubdomain_kernel stubdomain_ramdisk stubdomain_memory stubdomain_cmdline device_model_args device_model_args_pv
  device_model_args_hvm device_model_user xauthority driver_domain boot blkdev_start nographic claim_mode claim_mode trap_unmapped_accesses msr_relaxed
  vpmu suppress_vmdesc acpi_ged parent llc_colors hvm device_model hpet cpuid_policy nodes console gfx_passthru_kind cpu_cap hugepages mca_caps rambase_mib
  assisted_xapic assisted_x2apic`
    .split(/\s+/)
    .filter(Boolean),
);

/** Keys of ConVirt's own, kept in the record and out of the toolstack's file. */
export const convirtKeys: ReadonlySet<string> = new Set(
  `os_name os_flavor os_version image_name image_id image_conf platform config_filename auto_start_vm STORAGE_STATS vmname template_cfg save_kernel save_ramdisk
  next_boot_device next_bootloader default_xen_pv_driver provision_timeout computed_options customizable_options secret_options network_mode net dhcp start_time shutdown_time pause_time
  unpause_time reboot_time kill_time migrate_time on_shutdown arch arch_libdir xm_file xm_help quiesce_script`
    .split(/\s+/)
    .filter(Boolean),
);

/** Keys that decide about the guest alone. In `disk` and `vif` are parts that do not: see reach.ts. */
export const plainKeys: ReadonlySet<string> = new Set(
  `name type uuid builder hvm pvh memory maxmem vcpus maxvcpus cpus cpus_soft cpu_weight cap on_poweroff on_reboot on_watchdog on_crash on_soft_reset cmdline root
  extra boot disk vif vnc vncdisplay vncunused vncpasswd keymap stdvga vga videoram nographic usb acpi apic pae hap nx viridian hpet localtime rtc_timeoffset
  timer_mode tsc_mode hdtype xen_platform_pci nomigrate`
    .split(/\s+/)
    .filter(Boolean),
);

/** Keys of xm that reach into the host, and that xl does not know. */
const xmPrivilegedKeys: readonly string[] = [
  "bootargs",
  "irq",
  "blkif",
  "netif",
  "tpmif",
  "vscsi",
  "vusb",
  "access_control",
  "flask",
];

/**
 * Keys by which a value reads, writes or runs something on the host, or reaches its hardware. All that the toolstack reads and that is not known to decide about
 * the guest alone is among them, so that a key of a later Xen is not open until somebody has looked at it.
 */
export const privilegedKeys: ReadonlySet<string> = new Set([
  ...[...xlKeys].filter((key) => !plainKeys.has(key) && !convirtKeys.has(key)),
  ...xmPrivilegedKeys,
]);

/** The known key that is nearest to `key`: at most two letters off (one, for short keys); undefined when none is. */
export function nearestKey(key: string): string | undefined {
  const lower = key.toLowerCase();
  if (lower !== key && (xlKeys.has(lower) || convirtKeys.has(lower))) return lower;
  const allowed = key.length <= 4 ? 1 : 2;
  let best: string | undefined;
  let bestDistance = allowed + 1;
  for (const known of [...xlKeys, ...convirtKeys]) {
    if (Math.abs(known.length - key.length) > allowed) continue;
    const distance = editDistance(lower, known);
    if (distance < bestDistance) {
      best = known;
      bestDistance = distance;
    }
  }
  return best;
}

/** Insertions, deletions and changes between two words, with neighbours swapped as one. */
function editDistance(a: string, b: string): number {
  let before: number[] = [];
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const change = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      let best = Math.min(change, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        best = Math.min(best, (before[j - 2] ?? 0) + 1);
      next.push(best);
    }
    before = row;
    row = next;
  }
  return row[b.length] ?? 0;
}
