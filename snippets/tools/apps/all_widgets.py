"""Every kind of input: what each gives is shown beside it."""

import datetime

import streamlit as st

DAY = datetime.date(2026, 1, 31)
values: dict[str, object] = {}

st.header("Choose")
values["checkbox"] = st.checkbox("Shuffle")
values["toggle"] = st.toggle("Mixed precision")
values["radio"] = st.radio("Optimizer", ["SGD", "AdamW"], horizontal=True)
values["selectbox"] = st.selectbox("Device", ["cpu", "cuda", "mps"], index=None)
values["multiselect"] = st.multiselect("Metrics", ["accuracy", "F1", "AUC"])
values["slider"] = st.slider("Dropout", 0.0, 0.9, 0.1)
values["range"] = st.slider("Epochs shown", 1, 20, (5, 15))
values["select_slider"] = st.select_slider("Rate", [0.001, 0.01, 0.1])
values["color_picker"] = st.color_picker("Colour of the curve", "#2f6fdb")

st.header("Type")
values["text_input"] = st.text_input("Name of the run", "first")
values["text_area"] = st.text_area("Notes", max_chars=200)
values["number_input"] = st.number_input("Batch size", 1, 1024, 64)
values["date_input"] = st.date_input("Day", DAY)
values["time_input"] = st.time_input("Hour", datetime.time(9, 30))

st.header("Send and fetch")
upload = st.file_uploader("A file", max_upload_size=1)  # megabytes
values["file_uploader"] = None if upload is None else (upload.name, upload.size)
photo = st.camera_input("A photo") if st.checkbox("Use the camera") else None
values["camera_input"] = None if photo is None else photo.size
values["button"] = st.button("Start")
lines = "".join(f"{key}: {value}\n" for key, value in values.items())
values["download_button"] = st.download_button("Download", lines, "values.txt")

st.header("What came back")
for key, value in values.items():
    st.text(f"{key}: {value!r}")
