/** A Markdown table whose columns are aligned: it reads as well in a terminal as in a README. */
export function table(head, rows) {
  const width = head.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column].length)))
  const line = (cells, fill = ' ') => `| ${cells.map((cell, column) => cell.padEnd(width[column], fill)).join(' | ')} |`
  return [line(head), line(Array(head.length).fill(''), '-'), ...rows.map((row) => line(row))].join('\n')
}
