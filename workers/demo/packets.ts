/** PID of the programme map table, in the clip and in the synthetic stream alike. */
export const PMT_PID = 0x1000;

/** PID of the H.264 video, which also carries the PCR. */
export const VIDEO_PID = 0x100;

/** PID of the AAC audio. */
export const AUDIO_PID = 0x101;
