"""How the page looks: one accent color, the system's own fonts, nothing loaded from elsewhere."""

from importlib import resources
from pathlib import Path

import gradio as gr

_FONT = ("system-ui", "-apple-system", "Segoe UI", "Roboto", "sans-serif")
_MONO = ("ui-monospace", "Menlo", "Consolas", "monospace")


def page_theme() -> gr.themes.Base:
    """Warm grays and one teal; light and dark follow the system."""
    theme = gr.themes.Base(
        primary_hue=gr.themes.colors.teal,
        secondary_hue=gr.themes.colors.teal,
        neutral_hue=gr.themes.colors.stone,
        radius_size=gr.themes.sizes.radius_lg,
        font=[gr.themes.Font(name) for name in _FONT],
        font_mono=[gr.themes.Font(name) for name in _MONO],
    )
    return theme.set(
        body_background_fill="*neutral_100",
        body_background_fill_dark="#141210",
        background_fill_primary="white",
        background_fill_primary_dark="#1e1b19",
        background_fill_secondary="*neutral_50",
        background_fill_secondary_dark="#262220",
        block_background_fill="*background_fill_primary",
        block_border_width="0px",
        block_shadow="none",
        body_text_color_subdued="*neutral_600",
        body_text_color_subdued_dark="*neutral_400",
        border_color_primary="*neutral_200",
        border_color_primary_dark="#38322e",
        input_background_fill="*neutral_50",
        input_background_fill_dark="#262220",
        input_placeholder_color="*neutral_500",
        input_placeholder_color_dark="*neutral_400",
        input_border_color="*neutral_200",
        input_border_color_dark="#38322e",
        button_primary_background_fill="*primary_700",
        button_primary_background_fill_dark="*primary_700",
        button_primary_background_fill_hover="*primary_800",
        button_primary_background_fill_hover_dark="*primary_800",
        button_primary_text_color="white",
        button_secondary_background_fill="transparent",
        button_secondary_background_fill_dark="transparent",
        button_secondary_background_fill_hover="*neutral_100",
        button_secondary_background_fill_hover_dark="#2b2623",
        button_secondary_border_color="*neutral_300",
        button_secondary_border_color_dark="#4a423d",
        button_border_width="1px",
        button_primary_border_color="transparent",
        checkbox_label_background_fill="transparent",
        checkbox_label_background_fill_dark="transparent",
        checkbox_label_border_width="0px",
        button_large_radius="12px",
        button_small_radius="8px",
        slider_color="*primary_600",
    )


def page_css() -> str:
    """The style sheet on top of the theme."""
    return static("page.css").read_text(encoding="utf-8")


def static(name: str) -> Path:
    """A file of the page that is sent as it is."""
    return Path(str(resources.files("megactor") / "ui" / "static" / name))
