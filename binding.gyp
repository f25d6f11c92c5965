{
  "targets": [
    {
      "target_name": "weir",
      "sources": [
        "native/addon.cc",
        "native/carrying_ports.cc",
        "native/clsact_hooks.cc",
        "native/conntrack.cc",
        "native/device_table.cc",
        "native/device_take_over.cc",
        "native/flow_reader.cc",
        "native/flow_release.cc",
        "native/flow_rows.cc",
        "native/grace_period.cc",
        "native/hooks.cc",
        "native/identity.cc",
        "native/kernel_table.cc",
        "native/libbpf_log.cc",
        "native/link_watch.cc",
        "native/loaded.cc",
        "native/loader.cc",
        "native/netlink.cc",
        "native/network_namespace.cc",
        "native/node_sockets.cc",
        "native/overflow.cc",
        "native/pin_folder.cc",
        "native/pin_refusal.cc",
        "native/pins.cc",
        "native/progress.cc",
        "native/roles.cc",
        "native/sign_of_life.cc",
        "native/socket_hooks.cc",
        "native/tcx_hooks.cc",
        "native/traffic_control.cc",
        "native/true_ends.cc",
        "native/tunnel_devices.cc",
        "native/tunnels.cc"
      ],
      "include_dirs": ["<!(node -p \"require('node-addon-api').include_dir\")"],
      "defines": ["NAPI_VERSION=9", "NODE_ADDON_API_CPP_EXCEPTIONS"],
      "libraries": ["-lbpf"],
      "cflags!": ["-fno-exceptions"],
      "cflags_cc!": ["-fno-exceptions", "-fno-rtti", "-std=gnu++17", "-std=gnu++20"],
      "cflags_cc": ["-std=c++20", "-O2", "-fno-tree-slp-vectorize", "-Wall", "-Wextra", "-Wno-missing-field-initializers", "-fvisibility=hidden", "-fexceptions"]
    }
  ]
}
