#!/usr/bin/env python3
"""embed.py MODULE ID FILE OUT: writes OUT, a C++ source with FILE's bytes as a string_view.

The view is `weir::MODULE::k_embedded_ID`, declared by whoever reads it:
`extern const std::string_view k_embedded_ID;`.
"""
import sys

module, ident, path, out = sys.argv[1:]
data = open(path, "rb").read()
with open(out, "w") as f:
    f.write("#include <string_view>\n\nnamespace weir::%s {\nnamespace {\n" % module)
    f.write("const unsigned char kBytes[] = {\n")
    for i in range(0, len(data), 32):
        f.write(",".join(str(b) for b in data[i:i + 32]) + ",\n")
    f.write("0};\n}  // namespace\n")
    f.write("extern const std::string_view k_embedded_%s;\n" % ident)
    f.write("const std::string_view k_embedded_%s{reinterpret_cast<const char*>(kBytes), %d};\n"
            % (ident, len(data)))
    f.write("}  // namespace weir::%s\n" % module)
