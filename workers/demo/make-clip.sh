#!/bin/sh
# Makes clip.mpegts: 24 s of moving picture and tone that loop without a seam. Needs ffmpeg (with libx264) and coreutils.
#
# 24 s is 600 frames at 25/s, 1125 AAC frames at 48 kHz and 12 750 packets at 799 000 bit/s, all whole numbers. Three
# rounds are muxed at that constant rate and the middle one is cut out, so its start and its end are the same moment
# of the multiplexer: tables, then a key frame. Continuity counters and times are renumbered when it is played.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
round_packets=12750

# Closed GOPs of one second without B-frames: nothing before the seam refers to anything after it.
ffmpeg -hide_banner -nostats -v error -f lavfi -i testsrc2=size=480x270:rate=25 -frames:v 600 \
  -c:v libx264 -threads 1 -preset slow -profile:v main -pix_fmt yuv420p -bf 0 -g 25 -keyint_min 25 -sc_threshold 0 \
  -b:v 480k -maxrate 480k -bufsize 240k -x264-params open-gop=0 "$work/video.mp4"

# The tones have a whole number of periods in 24 s, so the encoder's input does not jump either.
ffmpeg -hide_banner -nostats -v error -f lavfi -i "aevalsrc=0.2*sin(2*PI*440*t)*(0.6+0.4*sin(2*PI*0.5*t)):s=48000:d=72" \
  -c:a aac -b:a 96k -ac 2 "$work/audio.mp4"

# One AAC frame a PES packet: every round then has the same packets. Tables are due every 0.1 s and at each key frame;
# the multiplexer may put null packets between the tables and the frame.
ffmpeg -hide_banner -nostats -v error -stream_loop 2 -i "$work/video.mp4" -i "$work/audio.mp4" -map 0:v -map 1:a \
  -c copy -t 72 -f mpegts -muxrate 799000 -pes_payload_size 0 -pcr_period 40 -pat_period 0.1 -sdt_period 12 \
  -mpegts_flags pat_pmt_at_frames+resend_headers -metadata service_name="Sluice demo" -metadata service_provider=Sluice \
  "$work/three.ts"

# The second round begins with the 25th key frame. The cut is at the PAT in front of it, a few packets earlier.
pids() { od -An -v -tu1 -w188 -j "$2" -N "$3" "$1" | awk '{ print ($2 % 32) * 256 + $3 }'; }
key=$(ffprobe -v error -select_streams v -show_entries packet=pos,flags -of csv=p=0 "$work/three.ts" |
  grep K | sed -n '25{s/,.*//;p;}')
back=$(pids "$work/three.ts" $((key - 188 * 40)) $((188 * 40)) | awk '$1 == 0 { at = NR } END { print 41 - at }')
dd if="$work/three.ts" of="$here/clip.mpegts" bs=188 skip=$((key / 188 - back)) count=$round_packets status=none

packets=$(($(wc -c < "$here/clip.mpegts") / 188))
begin=$(pids "$here/clip.mpegts" 0 $((188 * (back + 1))) | grep -v '^8191$' | tr '\n' ' ')
if [ "$packets" -ne $round_packets ] || [ "$begin" != "0 4096 256 " ]; then
  echo "clip.mpegts has $packets packets and begins with PIDs $begin: expected $round_packets, PAT, PMT, video" >&2
  exit 1
fi
echo "clip.mpegts: $packets packets"
