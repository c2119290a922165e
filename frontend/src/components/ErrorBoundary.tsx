import { Component, type ReactNode } from "react";

interface Props {
  /** What is lost when this part fails, as in "The list of jobs". */
  part: string;
  /** A change of this value tries again. */
  version: unknown;
  children: ReactNode;
}

/** Keep a failure inside one panel, say so, and try again with the next data. */
export class ErrorBoundary extends Component<Props, { failed: string | null; version: unknown }> {
  override state = { failed: null, version: this.props.version };

  static getDerivedStateFromError(error: unknown) {
    return { failed: error instanceof Error ? error.message : String(error) };
  }

  static getDerivedStateFromProps(props: Props, state: { failed: string | null; version: unknown }) {
    return props.version === state.version ? null : { failed: null, version: props.version };
  }

  override render() {
    if (this.state.failed === null) return this.props.children;
    return (
      <p className="notice bad" role="alert">
        {this.props.part} cannot be shown: {this.state.failed}. It is tried again with the next snapshot.
      </p>
    );
  }
}
