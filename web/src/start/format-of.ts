/** The format of a pasted BOM: JSON by its bracket, CSV by the header that names the required columns, else YAML. */
export function formatOf(text: string): 'json' | 'csv' | 'yaml' {
  const start = text.replace(/^\uFEFF/, '').trimStart();
  if (start.startsWith('{') || start.startsWith('[')) return 'json';
  const header = (start.split(/\r?\n/, 1)[0] ?? '').split(',').map((cell) => cell.trim().replace(/^"|"$/g, '').toLowerCase());
  return header.length > 3 && header.includes('id') && header.includes('mass') ? 'csv' : 'yaml';
}
