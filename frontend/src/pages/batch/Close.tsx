/** The cross of a detail. */
export function Close({ onClose }: { onClose: () => void }) {
  return (
    <button type="button" className="icon close" aria-label="Close, back to the list" onClick={onClose}>
      <svg viewBox="0 0 16 16" width="16" height="16" aria-hidden="true">
        <path d="m3.5 3.5 9 9m0-9-9 9" stroke="currentColor" strokeWidth="1.6" />
      </svg>
    </button>
  );
}
