-- `luarocks make` in this folder builds the engine for `require "calr"` in a stock lua5.4, with Lua's files and data.
-- System packages first: third_party/debian-packages.txt.
rockspec_format = "3.0"
package = "calr"
version = "0.1.0-1"
source = {
  url = "git+file://.",
}
description = {
  summary = "Experiments in unsupervised re-identification, scripted in Lua",
  detailed = "Tensors, networks, clustering, memories and evaluation in a C engine, with training scripts in Lua.",
  license = "MIT",
}
dependencies = {
  "lua >= 5.4, < 5.5",
}
build = {
  type = "cmake",
  variables = {
    CMAKE_BUILD_TYPE = "Release",
    CMAKE_INSTALL_PREFIX = "$(PREFIX)",
    CALR_LUA_MODULES = "$(LIBDIR)",
    CALR_BUILD_TESTS = "OFF",
  },
}
