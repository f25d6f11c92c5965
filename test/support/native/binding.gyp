{
  "targets": [
    {
      "target_name": "test_support",
      "sources": ["addon.cc", "failure.cc", "frame.cc", "network_namespace.cc", "program.cc", "program_run.cc", "tun.cc"],
      "include_dirs": ["<!(node -p \"require('node-addon-api').include_dir\")"],
      "defines": ["NAPI_VERSION=9", "NODE_ADDON_API_CPP_EXCEPTIONS"],
      "libraries": ["-lbpf"],
      "cflags!": ["-fno-exceptions"],
      "cflags_cc!": ["-fno-exceptions", "-fno-rtti", "-std=gnu++17", "-std=gnu++20"],
      "cflags_cc": ["-std=c++20", "-O2", "-Wall", "-Wextra", "-Wno-missing-field-initializers", "-fvisibility=hidden", "-fexceptions"]
    }
  ]
}
