#!/usr/bin/env python3
"""Plants one breach of each rule in a tree of its own; tools/tidy.py must name each of them."""
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
HEADER = "// A header.\n#pragma once\n"


def run_tidy(files):
    """Runs a copy of tidy.py in a fresh repository of `files`; returns exit code and output."""
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        (root / "tools").mkdir()
        shutil.copy(ROOT / "tools/tidy.py", root / "tools/tidy.py")
        clean = {"cmake/targets.cmake": "# none\n", "Makefile": "# tools/tidy.py\n",
                 "base/CMakeLists.txt": "\n", "base/a.h": HEADER,
                 "base/b.cc": '// A source.\n#include "base/a.h"\n'}
        for name, text in {**clean, **files}.items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        subprocess.run(["git", "init", "-q"], cwd=root, check=True)
        done = subprocess.run([sys.executable, "tools/tidy.py"], cwd=root, capture_output=True,
                              text=True, check=False)
        return done.returncode, done.stdout


class TidyTest(unittest.TestCase):
    def expect(self, files, *messages):
        code, output = run_tidy(files)
        self.assertEqual(code, 1, output)
        for message in messages:
            self.assertIn(message, output)

    def test_a_clean_tree_passes(self):
        code, output = run_tidy({})
        self.assertEqual(code, 0, output)
        self.assertIn("0 breaches", output)

    def test_include_table(self):
        self.expect({"datasets/CMakeLists.txt": "\n", "loadgen/CMakeLists.txt": "\n",
                     "loadgen/x.h": HEADER,
                     "datasets/d.cc": '// D.\n#include "loadgen/x.h"\n'},
                    'datasets/d.cc:2: datasets may not include "loadgen/x.h"')

    def test_confined_library(self):
        self.expect({"base/h.cc": "// H.\n#include <hdf5.h>\n"},
                    "base/h.cc:2: #include <hdf5.h> belongs in base/h5")

    def test_long_function(self):
        body = "  step();\n" * 70
        self.expect({"base/long.cc": f"// Long.\nvoid f() {{\n{body}}}\n"},
                    "base/long.cc:2: function of 72 lines")

    def test_long_function_behind_a_signature_of_several_lines(self):
        body = "  step();\n" * 70
        for head in ("int f(int a,\n      int b) {\n", "int f(int a = 3) {\n",
                     "Thing::Thing(int a)\n    : a_(a),\n      b_(a) {\n"):
            with self.subTest(head=head):
                self.expect({"base/long.cc": f"// Long.\nvoid g();\n\n{head}{body}}}\n"},
                            "base/long.cc:4: function of 7")

    def test_long_member_function(self):
        body = "    step();\n" * 70
        self.expect({"base/m.cc": f"// M.\nclass M {{\n public:\n  void f() {{\n{body}  }}\n}};\n"},
                    "base/m.cc:4: function of 72 lines")

    def test_long_line_tab_and_trailing_space(self):
        self.expect({"base/c.cc": "// C." + " x" * 60 + "\n\tint a;\nint b; \n"},
                    "base/c.cc:1: has 125 columns", "base/c.cc:2: has a tab",
                    "base/c.cc:3: has trailing space")

    def test_dead_header_and_missing_comment(self):
        self.expect({"base/dead.h": "#pragma once\n"}, "base/dead.h:1: is included by nobody",
                    "base/dead.h:1: has no comment at its head")

    def test_words_and_paths(self):
        word = "TO" + "DO"
        path = "/" + "home/someone"
        self.expect({"base/w.cc": f'// W.\n// {word}\nconst char* p = "{path}";\n'},
                    "base/w.cc:2: has a word of unfinished work",
                    "base/w.cc:3: names a path of one machine")

    def test_flags_outside_their_place(self):
        self.expect({"base/CMakeLists.txt": "add_compile_options(-mavx2)\n"},
                    "base/CMakeLists.txt:1: has -m flags")


if __name__ == "__main__":
    unittest.main()
