#!/bin/bash
# Fetches the servers that the tests run against, as signed packages of Debian, from the mirror that this machine uses,
# unpacked into .servers/ (or the folder that is named). Needs apt-get, dpkg and Debian's keyring; needs no root and
# changes nothing of the system. Servers that are on PATH are used instead. Elsewhere it says what to put there.
set -euo pipefail
cd "$(dirname "$0")/../.."
dir=${1:-.servers}

# Another number means other packages, so that a folder of an older checkout is fetched anew.
mark=.done-4
if [ -e "$dir/$mark" ]; then exit 0; fi

keys=/usr/share/keyrings/debian-archive-keyring.gpg
mirror=${DEBIAN_MIRROR:-$(sed -n 's/^URIs: *//p' /etc/apt/sources.list.d/debian.sources 2>/dev/null | head -1 || true)}
[ -n "$mirror" ] || mirror=$(awk '$1=="deb"{for(i=2;i<=NF;i++)if($i~/^https?:/){print $i;exit}}' /etc/apt/sources.list 2>/dev/null || true)
if ! command -v apt-get >/dev/null || [ ! -e "$keys" ] || [ -z "$mirror" ]; then
  echo "no servers to fetch here: put etcd, etcdctl (3.5 or newer), consul and java on PATH, and unpack ZooKeeper's jars" >&2
  echo "into $dir/root/usr/share/java" >&2
  exit "${REQUIRE_SERVERS:-0}"
fi

# Unpacked beside its place and moved there at the end, so that two runs at once, or a broken one, leave no half of it.
mkdir -p "$dir"
work=$(mktemp -d "$(cd "$dir" && pwd)/fetch.XXXXXX")
trap 'rm -rf "$work"' EXIT
mkdir -p "$work"/apt/{lists/partial,cache/archives/partial} "$work/deb" "$work/root"
for suite in bullseye bookworm trixie; do
  echo "deb [signed-by=$keys arch=$(dpkg --print-architecture)] $mirror $suite main"
done >"$work/apt/sources.list"
apt=(apt-get -q
  -o Dir::Etc::sourcelist="$work/apt/sources.list" -o Dir::Etc::sourceparts=/dev/null -o Dir::Etc::main=/dev/null
  -o Dir::Etc::parts=/dev/null -o Dir::Etc::preferences=/dev/null -o Dir::Etc::preferencesparts=/dev/null
  -o Dir::Etc::trusted=/dev/null -o Dir::Etc::trustedparts=/dev/null -o Dir::State::Lists="$work/apt/lists"
  -o Dir::Cache="$work/apt/cache" -o Dir::State::status=/dev/null -o Debug::NoLocking=1
  -o Acquire::Languages=none -o Acquire::Retries=3 -o APT::Get::List-Cleanup=0)
[ "$(id -u)" != 0 ] || apt+=(-o APT::Sandbox::User=root)

echo "fetching the servers for the tests into $dir ..."
"${apt[@]}" update -o APT::Update::Error-Mode=any >/dev/null
packages=(etcd-server/trixie etcd-client/trixie consul/bullseye
  libzookeeper-java/trixie libnetty-java/trixie libslf4j-java/trixie libdropwizard-metrics-java/trixie
  libsnappy-java/trixie libcommons-cli-java/trixie
  openssh-server/bookworm openssh-client/bookworm libwrap0/bookworm libnss-wrapper/bookworm)
command -v java >/dev/null || packages+=(openjdk-17-jre-headless/bookworm)
(cd "$work/deb" && "${apt[@]}" download "${packages[@]}" >/dev/null)
for deb in "$work"/deb/*.deb; do dpkg -x "$deb" "$work/root"; done

# An unpacked Java has links into /etc, which belong into the folder.
if [ -d "$work/root/usr/lib/jvm" ]; then
  final=$(cd "$dir" && pwd)/root
  find "$work/root/usr/lib/jvm" -lname '/etc/java*' | while read -r link; do
    ln -sfn "$final$(readlink "$link")" "$link"
  done
  (cd "$work/root/usr/bin" && ln -s ../lib/jvm/java-17-openjdk-*/bin/java java)
fi

rm -rf "$dir/root.old"
[ ! -e "$dir/root" ] || mv "$dir/root" "$dir/root.old" 2>/dev/null || true
mv -T "$work/root" "$dir/root" 2>/dev/null || true
rm -rf "$dir/root.old"
touch "$dir/$mark"
