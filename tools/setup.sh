#!/bin/sh
# Set up what one part of the house needs: `sh tools/setup.sh python|console|packages`. Each says one clear sentence
# when something is missing that it cannot get by itself.
set -eu
cd "$(dirname "$0")/.."

GSTREAMER="python3-gi gir1.2-gst-rtsp-server-1.0 gstreamer1.0-plugins-good gstreamer1.0-plugins-bad"
PACKAGES="chromium ffmpeg sip-tester fonts-noto-cjk postgresql $GSTREAMER"

say() { printf '\033[36m==>\033[0m %s\n' "$*" >&2; }
fail() { printf '\033[31mCannot go on:\033[0m %s\n' "$*" >&2; exit 1; }
is_root_on_debian() { [ "$(id -u)" = 0 ] && [ -f /etc/debian_version ] && command -v apt-get >/dev/null; }

apt_install() {
    apt-get update -qq >/dev/null 2>&1 || true
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null
}

# Run a tool quietly; when it fails, show its last words and say so in one sentence.
quietly() {
    sentence=$1
    shift
    words=$(mktemp)
    "$@" >"$words" 2>&1 || {
        tail -25 "$words" >&2
        rm -f "$words"
        fail "$sentence"
    }
    rm -f "$words"
}

python_step() {
    python=$(command -v python3.11 || command -v python3 || true)
    [ -n "$python" ] || fail "Python 3.11 or newer is needed; on Debian: apt-get install python3 python3-venv."
    "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
        fail "Python 3.11 or newer is needed, this is $("$python" --version 2>&1)."
    if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
        if is_root_on_debian; then
            say "installing Debian's python3-venv"
            apt_install python3-venv
        else
            fail "Python's venv module is missing; on Debian: apt-get install python3-venv."
        fi
    fi
    stamp=.venv/.set-up-from
    want=$(cksum pyproject.toml)
    if [ "$(cat "$stamp" 2>/dev/null)" != "$want" ]; then
        say "Python: virtual environment and dependencies (about a minute the first time)"
        [ -x .venv/bin/python ] || "$python" -m venv .venv
        quietly "the Python packages could not be installed; pip's last words are above." \
            .venv/bin/python -m pip install --quiet --disable-pip-version-check -e '.[test]'
        printf '%s' "$want" >"$stamp"
    fi
    lane=$(.venv/bin/python tools/compile_lane.py)
    [ -z "$lane" ] || say "Packet path: $lane"
}

console_step() {
    command -v node >/dev/null || fail "Node 20 or newer is needed to build the console; on Debian install nodejs and npm."
    command -v npm >/dev/null || fail "npm is needed to build the console; it comes with Node, on Debian: apt-get install npm."
    node -e 'process.exit(parseInt(process.versions.node) < 20 ? 1 : 0)' ||
        fail "Node 20 or newer is needed to build the console, this is $(node --version)."
    cd web/console
    packages=$(cksum package-lock.json package.json | cksum)
    if [ "$(cat node_modules/.set-up-from 2>/dev/null)" != "$packages" ]; then
        say "Console: npm packages"
        quietly "the npm packages could not be installed; npm's last words are above." \
            npm ci --no-audit --no-fund --loglevel=error
        printf '%s' "$packages" >node_modules/.set-up-from
    fi
    sources=$(find src public dev index.html package-lock.json ./*.ts ./*.json -type f 2>/dev/null | LC_ALL=C sort | xargs cksum | cksum)
    if [ "$(cat dist/.built-from 2>/dev/null)" != "$sources" ]; then
        say "Console: building"
        quietly "the console could not be built; its tools' last words are above." npm run --silent build
        printf '%s' "$sources" >dist/.built-from
    fi
}

packages_step() {
    missing=""
    command -v chromium >/dev/null || missing="$missing chromium"
    command -v ffprobe >/dev/null || missing="$missing ffmpeg"
    command -v sipp >/dev/null || missing="$missing sip-tester"
    ls /usr/lib/*/girepository-1.0/GstRtspServer-1.0.typelib /usr/lib/*/gstreamer-1.0/libgstvideoparsersbad.so \
        /usr/lib/python3/dist-packages/gi/__init__.py >/dev/null 2>&1 || missing="$missing $GSTREAMER"
    [ -d /usr/share/fonts/opentype/noto ] || missing="$missing fonts-noto-cjk"
    ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || missing="$missing postgresql"
    [ -n "$missing" ] || return 0
    if is_root_on_debian; then
        say "Debian packages for the tests:$missing"
        # shellcheck disable=SC2086
        apt_install $missing || fail "apt-get could not install:$missing"
    else
        say "some tests will be left out; to run them too: sudo apt-get install $PACKAGES"
    fi
}

case "${1:-}" in
python) python_step ;;
console) console_step ;;
packages) packages_step ;;
*) fail "usage: sh tools/setup.sh python|console|packages" ;;
esac
