"""A demo inside a FastAPI application, beside routes of your own.

Start: uvicorn mounted_demo:app --host 127.0.0.1
"""

import gradio as gr
from fastapi import FastAPI

app = FastAPI()


@app.get("/health")
def health() -> dict[str, str]:
    """For whoever watches over the service."""
    return {"status": "ok"}


def double(x: float) -> float:
    """Twice the number."""
    return 2 * x


demo = gr.Interface(double, "number", "number", api_name="double")
app = gr.mount_gradio_app(app, demo, path="/demo")
