/** The facts about a file, for people and for machines. */
import { type FileFacts, isSparse } from './file-facts.ts'
import { mayCompress } from './file-system.ts'
import { formatBytes, formatCount, formatCountOf, formatShare, formatSize } from './format/bytes.ts'
import type { Colours } from './format/colour.ts'
import { hexdump } from './format/hexdump.ts'
import { printable } from './format/printable.ts'
import { residencyBar } from './format/residency-bar.ts'

/** With it, 64 cells of the picture fit into 80 columns. */
const LABEL = 15

function storage(facts: FileFacts): string {
  const { allocatedBytes, size, fileSystem } = facts
  if (!isSparse(facts)) return `${formatBytes(allocatedBytes)} allocated`
  return `${mayCompress(fileSystem) ? 'sparse or compressed' : 'sparse'}: ${formatBytes(allocatedBytes)} of ${formatBytes(size)} allocated`
}

/** One or two lines: numbers, picture. */
function residency({ residency, size }: FileFacts, colours: Colours): string[] {
  if ('unknown' in residency) return [`unknown (${printable(residency.unknown)})`]
  if (size === 0) return ['nothing to load']
  const { pages, residentPages, residentBytes, fractions } = residency
  const share = formatShare(residentPages, pages)
  const bytes = `${formatBytes(residentBytes)} of ${formatBytes(size)}`
  return [`${share}, ${bytes}, ${formatCount(residentPages)} of ${formatCountOf(pages, 'page')}`, residencyBar(fractions, colours)]
}

/** Lines for people, each with its line break. */
export function describeFile(facts: FileFacts, colours: Colours): string {
  const rows: [label: string, ...values: string[]][] = [
    ['size', formatSize(facts.size)],
    ['type', facts.type],
    ['mode', facts.mode],
    ['file system', facts.fileSystem],
    ['storage', storage(facts)],
    ['page size', formatSize(facts.pageSize)],
    ['residency', ...residency(facts, colours)],
  ]
  const lines = rows.flatMap(([label, ...values]) =>
    values.map((value, index) => `${colours.dim((index === 0 ? `  ${label}` : '').padEnd(LABEL))}${value}`),
  )
  if (facts.size > 0) {
    lines.push(colours.dim('  first bytes'))
    for (const line of hexdump(facts.head, 0, { colours, width: 16, digits: 4 })) lines.push(`    ${line}`)
  }
  return `${[colours.bold(printable(facts.path)), ...lines].join('\n')}\n`
}

/** The object that `--json` prints. */
export function fileAsJson(facts: FileFacts): Record<string, unknown> {
  const { path, size, type, mode, fileSystem, allocatedBytes, pageSize, residency, head } = facts
  const { pages, residentPages, residentBytes } = 'unknown' in residency ? {} : residency
  return {
    path,
    size,
    type,
    mode,
    fileSystem,
    allocatedBytes,
    sparse: isSparse(facts),
    pageSize,
    ...('unknown' in residency
      ? { residency: null, residencyUnknown: residency.unknown }
      : { residency: { pages, residentPages, residentBytes } }),
    head: Buffer.from(head).toString('hex'),
  }
}
