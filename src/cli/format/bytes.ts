/** Numbers of bytes and of other things, as people read them. */

const KIB = 1024
const units = ['KiB', 'MiB', 'GiB', 'TiB', 'PiB']
const grouped = new Intl.NumberFormat('en-US')

/** `21,003` */
export const formatCount = (count: number): string => grouped.format(count)

/** `21,003 pages`, `1 page` */
export const formatCountOf = (count: number, noun: string): string => `${formatCount(count)} ${noun}${count === 1 ? '' : 's'}`

/** Three digits, four from 1000 on. */
function digits(value: number): string {
  if (value < 9.995) return value.toFixed(2)
  return value.toFixed(value < 99.95 ? 1 : 0)
}

/** `6.00 GiB`, `17 B` */
export function formatBytes(bytes: number): string {
  if (bytes < KIB) return `${bytes} B`
  let value = bytes / KIB
  let unit = 0
  // What rounds up to 1024 belongs to the next unit.
  while (Math.round(value) >= KIB && unit < units.length - 1) {
    value /= KIB
    unit++
  }
  return `${digits(value)} ${units[unit]}`
}

/** `6.00 GiB (6,442,450,944 bytes)`, `17 bytes` */
export function formatSize(bytes: number): string {
  const exact = formatCountOf(bytes, 'byte')
  return bytes < KIB ? exact : `${formatBytes(bytes)} (${exact})`
}

/** `87.0 %`. Only all is `100 %` and only nothing is `0 %`. */
export function formatShare(part: number, whole: number): string {
  if (part === 0) return '0 %'
  if (part === whole) return '100 %'
  const percent = (part / whole) * 100
  if (percent < 0.1) return '<0.1 %'
  if (percent > 99.9) return '>99.9 %'
  return `${percent.toFixed(1)} %`
}
