import { locale } from './i18n';

/** What stands where there is no number. */
export const NONE = '–';

/** A number with a fixed count of decimals in the current language; a minus sign, not a hyphen. */
export function number(value: unknown, decimals = 1): string {
  if (typeof value !== 'number' || !Number.isFinite(value)) return NONE;
  // Without this, -0.04 would read "-0.0".
  const rounded = Number(value.toFixed(decimals)) === 0 ? 0 : value;
  return new Intl.NumberFormat(locale.value, {
    minimumFractionDigits: decimals,
    maximumFractionDigits: decimals,
  })
    .format(rounded)
    .replace('-', '−');
}

/** The same with an explicit plus. */
export function signed(value: unknown, decimals = 1): string {
  const text = number(value, decimals);
  return typeof value === 'number' && Number(value.toFixed(decimals)) > 0 ? `+${text}` : text;
}

/** A number as short as its size allows: three significant digits. */
export function short(value: unknown): string {
  if (typeof value !== 'number' || !Number.isFinite(value)) return NONE;
  const size = Math.abs(value);
  return number(value, size >= 100 || value === 0 ? 0 : size >= 10 ? 1 : 2);
}

/** Unit as people write it; a difference of temperatures is in kelvin. */
export function unitText(unit: string, difference = false): string {
  if (unit === 'degC' || unit === '°C') return difference ? 'K' : '°C';
  if (unit === 'deg') return '°';
  return unit;
}

/** A number with its unit. */
export function withUnit(value: unknown, unit: string, decimals = 1): string {
  const text = number(value, decimals);
  return text === NONE || unit === '' ? text : `${text} ${unit}`;
}

/** Clock time of a timestamp. */
export function clock(timestamp: string): string {
  const date = new Date(timestamp);
  return Number.isNaN(date.getTime())
    ? NONE
    : new Intl.DateTimeFormat(locale.value, { hour: '2-digit', minute: '2-digit', second: '2-digit', hour12: false }).format(date);
}

/** Date and time with the zone. */
export function moment(timestamp: string): string {
  const date = new Date(timestamp);
  return Number.isNaN(date.getTime())
    ? NONE
    : new Intl.DateTimeFormat(locale.value, {
        year: 'numeric',
        month: '2-digit',
        day: '2-digit',
        hour: '2-digit',
        minute: '2-digit',
        second: '2-digit',
        hour12: false,
        timeZoneName: 'short',
      }).format(date);
}

/** Seconds between two timestamps as `m:ss` or `h:mm:ss`. */
export function elapsed(from: string | null, to: string | null): string {
  const ms = from && to ? new Date(to).getTime() - new Date(from).getTime() : Number.NaN;
  if (!Number.isFinite(ms)) return NONE;
  const seconds = Math.max(0, Math.round(ms / 1000));
  const two = (value: number): string => String(value).padStart(2, '0');
  const rest = `${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`;
  return seconds >= 3600 ? `${Math.floor(seconds / 3600)}:${rest}` : rest;
}
