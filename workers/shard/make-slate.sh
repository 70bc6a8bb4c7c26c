#!/bin/sh
# Makes slate.mpegts: 16 s of a dark picture that says "Be right back", without a sound, that loop without a seam.
# Needs ffmpeg (with libx264), coreutils and the font DejaVu Sans (Debian: fonts-dejavu-core).
#
# 16 s is 400 frames at 25/s, 750 AAC frames at 48 kHz and 2000 packets at 188 000 bit/s, all whole numbers. As in
# ../demo/make-clip.sh three rounds are muxed at that constant rate and the middle one is cut out, so its start and its
# end are the same moment of the multiplexer. Continuity counters and times are renumbered when it is played.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
round_packets=2000
font=/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf

# Closed GOPs of one second without B-frames: nothing before the seam refers to anything after it. The text breathes, so
# that nobody takes the picture for a frozen one; four periods of that fit.
ffmpeg -hide_banner -nostats -v error -f lavfi -i color=c=0x10141c:size=640x360:rate=25 -frames:v 400 \
  -vf "drawtext=fontfile=$font:text='Be right back':fontsize=44:fontcolor=0xd8dee9:x=(w-text_w)/2:y=(h-text_h)/2:alpha='0.75+0.25*cos(2*PI*t/4)'" \
  -c:v libx264 -threads 1 -preset veryslow -profile:v main -pix_fmt yuv420p -bf 0 -g 25 -keyint_min 25 -sc_threshold 0 \
  -crf 24 -maxrate 140k -bufsize 100k -x264-params open-gop=0 "$work/video.mp4"

ffmpeg -hide_banner -nostats -v error -f lavfi -i anullsrc=r=48000:cl=stereo -t 48 -c:a aac -b:a 32k "$work/audio.mp4"

# Half the delay has to lie between five and six AAC frames: six then go into one PES packet, which divides their number
# in a round, so that every round has the same packets.
ffmpeg -hide_banner -nostats -v error -stream_loop 2 -i "$work/video.mp4" -i "$work/audio.mp4" -map 0:v -map 1:a \
  -c copy -t 48 -f mpegts -muxrate 188000 -muxdelay 0.25 -pes_payload_size 0 -pcr_period 40 -pat_period 0.2 -sdt_period 8 \
  -mpegts_flags pat_pmt_at_frames+resend_headers -metadata service_name="Be right back" \
  -metadata service_provider=Sluice "$work/three.ts"

# The cut is a second into the second round, at the PAT in front of the 18th key frame: at the begin of the round itself
# the service table comes in between. The packet before the key frame is one with a PCR alone.
pids() { od -An -v -tu1 -w188 -j "$2" -N "$3" "$1" | awk '{ print ($2 % 32) * 256 + $3 }'; }
key=$(ffprobe -v error -select_streams v -show_entries packet=pos,flags -of csv=p=0 "$work/three.ts" |
  grep K | sed -n '18{s/,.*//;p;}')
back=$(pids "$work/three.ts" $((key - 188 * 40)) $((188 * 40)) | awk '$1 == 0 { at = NR } END { print 41 - at }')
dd if="$work/three.ts" of="$here/slate.mpegts" bs=188 skip=$((key / 188 - back)) count=$round_packets status=none

packets=$(($(wc -c < "$here/slate.mpegts") / 188))
begin=$(pids "$here/slate.mpegts" 0 $((188 * (back + 1))) | grep -v '^8191$' | tr '\n' ' ')
if [ "$packets" -ne $round_packets ] || [ "$begin" != "0 4096 256 256 " ]; then
  echo "slate.mpegts has $packets packets and begins with PIDs $begin: expected $round_packets, PAT, PMT, PCR, video" >&2
  exit 1
fi
echo "slate.mpegts: $packets packets"
