/** Bytes as hexadecimal numbers with an ASCII column. */
import type { Colours } from './colour.ts'

export type ByteClass = 'zero' | 'printable' | 'whitespace' | 'control' | 'high'

export function byteClass(byte: number): ByteClass {
  if (byte === 0) return 'zero'
  if (byte >= 0x80) return 'high'
  if (byte === 0x20 || (byte >= 0x09 && byte <= 0x0d)) return 'whitespace'
  return byte < 0x20 || byte === 0x7f ? 'control' : 'printable'
}

const painters = {
  zero: (colours) => colours.gray,
  printable: (colours) => colours.cyan,
  whitespace: (colours) => colours.green,
  control: (colours) => colours.magenta,
  high: (colours) => colours.yellow,
} satisfies Record<ByteClass, (colours: Colours) => Colours['cyan']>

export interface HexdumpStyle {
  readonly colours: Colours
  /** Bytes in a line. */
  readonly width: number
  /** Hexadecimal digits of the offset. */
  readonly digits: number
}

const GROUP = 8

/** One line; a last, shorter one keeps its ASCII column where the others have theirs. */
function hexLine(bytes: Uint8Array, offset: number, { colours, width, digits }: HexdumpStyle): string {
  let numbers = ''
  let text = ''
  for (let index = 0; index < width; index++) {
    if (index > 0) numbers += index % GROUP === 0 ? '  ' : ' '
    const byte = bytes[index]
    if (byte === undefined) {
      numbers += '  '
      continue
    }
    const kind = byteClass(byte)
    const paint = painters[kind](colours)
    numbers += paint(byte.toString(16).padStart(2, '0'))
    text += paint(kind === 'printable' || byte === 0x20 ? String.fromCharCode(byte) : '.')
  }
  return `${colours.dim(offset.toString(16).padStart(digits, '0'))}  ${numbers}  |${text}|`
}

/** The lines of a dump of `bytes`, the first of which stands at `offset`. */
export function* hexdump(bytes: Uint8Array, offset: number, style: HexdumpStyle): Generator<string, void> {
  for (let at = 0; at < bytes.length; at += style.width) {
    yield hexLine(bytes.subarray(at, at + style.width), offset + at, style)
  }
}
