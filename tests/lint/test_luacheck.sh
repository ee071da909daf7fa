# luacheck over every Lua file.
command -v luacheck >/dev/null || { echo "luacheck is not installed (package lua-check)"; exit 77; }
cd "$CALR_TEST_SOURCE" || exit 1
folders=()
for folder in lua experiments datasets tests; do
    [ -d $folder ] && folders+=($folder)
done
luacheck --no-color -q --no-cache "${folders[@]}"
