/** The numbers, names and pictures that the commands print. */
import test from 'ava'
import { fileSystemName } from '../../src/cli/file-system.ts'
import { formatBytes, formatCountOf, formatShare, formatSize } from '../../src/cli/format/bytes.ts'
import { colours } from '../../src/cli/format/colour.ts'
import { byteClass, hexdump } from '../../src/cli/format/hexdump.ts'
import { printable, printableJson } from '../../src/cli/format/printable.ts'
import { residencyBar } from '../../src/cli/format/residency-bar.ts'
import { onLinux } from '../support/conditions.ts'

const plain = colours(false, {})

const formats = test.macro((t, format: (value: number) => string, rows: [number, string][]) => {
  for (const [value, text] of rows) t.is(format(value), text)
})

test('bytes have three digits and the unit that keeps them below 1024', formats, formatBytes, [
  [0, '0 B'],
  [1023, '1023 B'],
  [1024, '1.00 KiB'],
  [10_234, '9.99 KiB'],
  [10_239, '10.0 KiB'],
  [102_399, '100 KiB'],
  [1023 * 1024, '1023 KiB'],
  [2 ** 20 - 1, '1.00 MiB'],
  [2 ** 20, '1.00 MiB'],
  [6 * 2 ** 30, '6.00 GiB'],
  [2 ** 53 - 1, '8.00 PiB'],
])

test('a size tells its bytes', formats, formatSize, [
  [0, '0 bytes'],
  [1, '1 byte'],
  [1023, '1,023 bytes'],
  [6 * 2 ** 30, '6.00 GiB (6,442,450,944 bytes)'],
])

test('only one is singular', (t) => {
  t.deepEqual(
    [0, 1, 2, 1000].map((count) => formatCountOf(count, 'page')),
    ['0 pages', '1 page', '2 pages', '1,000 pages'],
  )
})

test('only all is 100 % and only nothing is 0 %', formats, (part: number) => formatShare(part, 100_000), [
  [0, '0 %'],
  [1, '<0.1 %'],
  [100, '0.1 %'],
  [50_000, '50.0 %'],
  [99_900, '99.9 %'],
  [99_999, '>99.9 %'],
  [100_000, '100 %'],
])

test('only nothing is drawn as nothing and only all as full', (t) => {
  t.is(residencyBar([0, 1e-9, 0.33, 0.34, 0.66, 0.67, 1 - 1e-9, 1], plain), '·░░▒▒▓▓█')
  t.is(residencyBar([], plain), '')
})

test('every byte has its class', (t) => {
  const classes = Array.from({ length: 256 }, (_, byte) => byteClass(byte))
  const count = (wanted: string): number => classes.filter((name) => name === wanted).length
  t.deepEqual(['zero', 'whitespace', 'control', 'printable', 'high'].map(count), [1, 6, 27, 94, 128])
  t.deepEqual([0x00, 0x0a, 0x20, 0x1b, 0x7f, 0x7e, 0x80].map(byteClass), [
    'zero',
    'whitespace',
    'whitespace',
    'control',
    'control',
    'printable',
    'high',
  ])
})

test('a dump shows every byte and never sends one to the terminal that moves its cursor', (t) => {
  const bytes = Uint8Array.from({ length: 256 }, (_, byte) => byte)
  const lines = [...hexdump(bytes, 0x1000, { colours: plain, width: 16, digits: 8 })]
  t.is(lines.length, 16)
  t.is(lines[2], '00001020  20 21 22 23 24 25 26 27  28 29 2a 2b 2c 2d 2e 2f  | !"#$%&\'()*+,-./|')
  t.notRegex(lines.join(''), /[^ -~]/)
  const hex = lines.map((line) => line.slice(10, 58).replaceAll(' ', '')).join('')
  t.is(hex, Buffer.from(bytes).toString('hex'))
})

test('the last line of a dump is as wide as the others up to its text', (t) => {
  const [, last] = hexdump(Buffer.alloc(17, 'x'), 0, { colours: plain, width: 16, digits: 4 })
  t.is(last, `0010  78${' '.repeat(46)}  |x|`)
  t.deepEqual([...hexdump(new Uint8Array(0), 0, { colours: plain, width: 16, digits: 4 })], [])
})

test('what a terminal would obey is escaped, what people write is not', (t) => {
  t.is(printable('a\tb\nc\r\0\u001b\u007f\u009b'), 'a\\tb\\nc\\r\\x00\\x1b\\x7f\\x9b')
  t.is(printable('\u202e\u2066\u2028\ud800'), '\\u202e\\u2066\\u2028\\ud800')
  const fine = 'Stra\u00dfe \u65e5\u672c \u{1f468}\u200d\u{1f469} C:\\temp "q"'
  t.is(printable(fine), fine)
})

test('JSON is escaped likewise and means the same', (t) => {
  const value = { name: 'a\n\u001b\u007f\u009b\u202e\u2028\ud800\u{1f600}' }
  const text = printableJson(value)
  t.notRegex(text, /[^\P{Cc}\n]|[\u202e\u2028]/u)
  t.deepEqual(JSON.parse(text), value)
})

onLinux('a file system without a name is told by its number', (t) => {
  t.is(fileSystemName(0xef53), 'ext4')
  t.is(fileSystemName(0x9123683e), 'btrfs')
  t.is(fileSystemName(0xabcdef), '0xabcdef')
  t.is(fileSystemName(0), 'unknown')
})
