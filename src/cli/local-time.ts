// Formats times for people: in the time zone of this machine.

const two = (number: number): string => String(number).padStart(2, "0");

/** Formats a time: `2026-11-29 15:28:20`. */
export function localTime(time: number | Date): string {
  const date = new Date(time);
  return `${localDate(date)} ${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
}

/** Formats a day: `2026-11-29`. */
export function localDate(time: number | Date): string {
  const date = new Date(time);
  return `${String(date.getFullYear()).padStart(4, "0")}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
}
