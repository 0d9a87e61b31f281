"""The web page: what `megactor animate` does, in a browser."""

import os

# read by Gradio and its libraries when they are imported, which is later: nobody is told that the page was opened
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
